// Builds packages/cli/dist/qjs/mqtt.js, the one file that a bare `qjs` needs, from the output of tsc.
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
        // The single file has no package.json next to it.
        if (id === built("version.js")) return `export const version = () => ${JSON.stringify(version)};`;
        // Only options that are left out here would call Node functions.
        return id.startsWith("node:")
          ? "export const promises = undefined, readFile = undefined, readFileSync = undefined, isatty = undefined;"
          : undefined;
      },
    },
  ],
});
const file = built("qjs/mqtt.js");
await bundle.write({ file, format: "esm", minify: true, banner: "#!/usr/bin/env qjs" });
await chmod(file, 0o755); // a link with the name mqtt_publish runs that command
