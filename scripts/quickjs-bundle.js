// Builds packages/cli/dist/qjs/mqtt.js, the client and its commands, and gateway.js beside it, from the output of tsc. Each is the one file that a
// bare `qjs` needs.
import { chmod, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const cli = new URL("../packages/cli/", import.meta.url);
const { version } = JSON.parse(await readFile(new URL("package.json", cli), "utf8"));
const SHEBANG = "#!/usr/bin/env qjs";

/** @param {string} name */
const built = (name) => fileURLToPath(new URL(`dist/${name}`, cli));

const client = await bundle("qjs/main.js");
await client.write({ file: built("qjs/mqtt.js"), format: "esm", minify: true, banner: SHEBANG });
await chmod(built("qjs/mqtt.js"), 0o755); // a link with the name mqtt_publish runs that command

await writeFile(built("qjs/gateway.js"), await gatewayInParts());
await chmod(built("qjs/gateway.js"), 0o755);

/** @param {string} input */
function bundle(input) {
  return rolldown({
    input: built(input),
    platform: "neutral",
    shimMissingExports: true, // what is used of Node's modules is undefined
    onLog: (level, log, next) => log.code === "SHIMMED_EXPORT" || next(level, log),
    plugins: [
      {
        name: "quickjs",
        resolveId(id) {
          if (id === "qjs:os" || id === "qjs:std") return { id: id.slice("qjs:".length), external: true };
          if (id === "#platform") return built("qjs/platform.js");
          return id.startsWith("node:") ? id : undefined;
        },
        load(id) {
          // The single file has no package.json next to it.
          if (id === built("version.js")) return `export const version = () => ${JSON.stringify(version)};`;
          // Only options that are left out here would call Node functions, and the gateway has a machine of its own.
          const isNodeOnly = id.startsWith("node:") || id.endsWith("/supervise/node-machine.js");
          return isNodeOnly ? "export {};" : undefined;
        },
      },
    ],
  });
}

/**
 * The gateway as one file of parts: a module that compiles the parts behind it when they are used. The reasons are in
 * docs/decisions/0027-the-gateway-on-a-router.md.
 */
async function gatewayInParts() {
  const building = await bundle("qjs/gateway/main.js");
  const { output } = await building.generate({
    format: "cjs",
    minify: true,
    entryFileNames: "[name].js",
    chunkFileNames: "[name].js",
    codeSplitting: {
      groups: [
        // What the reader of the configuration needs too, so that it does not load the rest.
        {
          name: "base",
          test: /\/(mqtt\/dist\/(errors|reason-code|platform|topic|options)|cli\/dist\/qjs\/[\w-]+\.js)/,
          priority: 3,
        },
        { name: "session", test: /\/mqtt\/dist\/(session|codec)\//, priority: 2 },
        { name: "client", test: /\/mqtt\/dist\/(client|store)\//, priority: 1 },
      ],
    },
  });
  const parts = output.flatMap((each) => (each.type === "chunk" && each.code.length > 0 ? [each] : []));
  const texts = parts.map(({ code }) => `//${code.trimEnd().replaceAll("\n", "\n//")}\n`);
  const sizes = texts.map((text) => Buffer.byteLength(text));
  /** @type {Record<string, readonly [number, number]>} */
  const places = {};
  for (const [i, { fileName }] of parts.entries()) {
    const back = sizes.slice(i).reduce((sum, size) => sum + size, 0);
    places[fileName] = [back - "//".length, (sizes[i] ?? 0) - "//\n".length];
  }
  const head = await (await bundle("qjs/parts.js")).generate({ format: "esm", minify: true });
  const values = { PARTS: places, MAIN: "main.js", UNKEPT: "load-configuration.js" };
  const constants = Object.entries(values).map(([name, value]) => `const ${name}=${JSON.stringify(value)};`);
  // `qjs` detects a module by its first word.
  const code = head.output[0].code.trimEnd().replace(/^(import[^;]*;)+/, (imports) => imports + constants.join(""));
  return `${SHEBANG}\n${code}\n${texts.join("")}`;
}
