// Builds dist/cjs of each library from the output of tsc: Node loads it with require and with import. Entries share
// chunks, so that a process has one copy of every class. The reasons are in docs/decisions/0015-commonjs.md.

import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const require = createRequire(import.meta.url);

for (const folder of ["mqtt", "store", "configuration", "broker", "gateway"]) {
  const root = fileURLToPath(new URL(`../packages/${folder}/`, import.meta.url));
  const output = join(root, "dist/cjs");
  const entries = await entriesOf(root);
  await rm(output, { recursive: true, force: true });
  await mkdir(output);
  await writeFile(join(output, "package.json"), '{ "type": "commonjs" }\n');
  await bundle(root, entries, output);
  await copyTypes(join(root, "dist"), join(output, "types"));
}

/** The module of each entry, by the entry's file name. @param {string} root */
async function entriesOf(root) {
  const { exports } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const conditions = Object.values(exports).filter((each) => typeof each === "object");
  return Object.fromEntries(
    conditions.map((each) => [each.require.default.replace(/^.*\/|\.cjs$/g, ""), join(root, each.module)]),
  );
}

/** @param {string} root @param {Record<string, string>} input @param {string} output */
async function bundle(root, input, output) {
  const external = (/** @type {string} */ id) => /^(node:|@aiko\/)/.test(id) || id === "ws" || id === "smol-toml";
  const ofSmall = await modulesOf(root, input["small"], external);
  const building = await rolldown({ input, cwd: root, platform: "node", external });
  await building.write({
    dir: output,
    format: "cjs",
    // A chunk calls another chunk's functions through getters, each time. Therefore everything that entries share is
    // one chunk, and a second chunk has the part that the small client needs: loading it does not load the first.
    codeSplitting: {
      groups: [
        { name: "small-shared", test: (id) => ofSmall.has(id), minShareCount: 2, priority: 1 },
        { name: "shared", minShareCount: 2 },
      ],
    },
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: false } },
    entryFileNames: "[name].cjs",
    chunkFileNames: "chunk-[hash].cjs",
  });
  for (const name of Object.keys(input)) {
    const names = Object.keys(require(join(output, `${name}.cjs`))).join(", ");
    const lines = [`import entry from "./${name}.cjs";`, `export const { ${names} } = entry;`, ""];
    await writeFile(join(output, `${name}.mjs`), lines.join("\n"));
  }
}

/** @param {string} root @param {string | undefined} entry @param {(id: string) => boolean} external @returns {Promise<Set<string>>} */
async function modulesOf(root, entry, external) {
  if (entry === undefined) return new Set();
  const { output } = await (await rolldown({ input: entry, cwd: root, platform: "node", external })).generate();
  return new Set(output.flatMap((each) => (each.type === "chunk" ? each.moduleIds : [])));
}

/**
 * The same declarations; the package.json above them makes them those of CommonJS modules.
 *
 * @param {string} from
 * @param {string} to
 */
async function copyTypes(from, to) {
  for (const entry of await readdir(from, { recursive: true })) {
    if (!entry.endsWith(".d.ts") || entry.startsWith("cjs/")) continue;
    await cp(join(from, entry), join(to, entry));
    const text = await readFile(join(to, entry), "utf8");
    if (!text.includes('"#platform"')) continue;
    const platform = relative(join(to, entry, ".."), join(to, "transport/platform-node.js"));
    await writeFile(join(to, entry), text.replaceAll('"#platform"', `"./${platform}"`));
  }
}
