// Builds packages/cli/dist/qjs/mqtt.js, the one file that a bare `qjs` needs, out of what tsc built.
import { chmod, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const cli = new URL("../packages/cli/", import.meta.url);
const { version } = JSON.parse(await readFile(new URL("package.json", cli), "utf8"));

/** @param {string} name */
const built = (name) => fileURLToPath(new URL(`dist/${name}`, cli));

const bundle = await rolldown({
  input: built("qjs/main.js"),
  platform: "neutral",
  plugins: [
    {
      name: "quickjs",
      resolveId(id) {
        if (id === "qjs:os" || id === "qjs:std") return { id: id.slice("qjs:".length), external: true };
        if (id === "#platform") return built("qjs/platform.js");
        return id.startsWith("node:") ? id : undefined;
      },
      load(id) {
        // There is no package.json beside the one file.
        if (id === built("version.js")) return `export const version = () => ${JSON.stringify(version)};`;
        // Only options that are left out there would call anything of Node's.
        return id.startsWith("node:")
          ? "export const readFile = undefined, readFileSync = undefined, isatty = undefined;"
          : undefined;
      },
    },
  ],
});
const file = built("qjs/mqtt.js");
await bundle.write({ file, format: "esm", minify: true, banner: "#!/usr/bin/env qjs" });
await chmod(file, 0o755); // a link named mqtt_publish is that command
