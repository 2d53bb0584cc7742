// Builds packages/mqtt/dist/browser/mqtt.js out of what tsc built: the client in one file, for pages without a bundler.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const library = new URL("../packages/mqtt/", import.meta.url);
const { name, version, license } = JSON.parse(await readFile(new URL("package.json", library), "utf8"));
const ENTRY = "entry";

const bundle = await rolldown({
  input: ENTRY,
  platform: "browser",
  plugins: [
    {
      name: "entry",
      resolveId: (id) => (id === ENTRY ? id : undefined),
      // The library's own door, and the store that is of use in browsers alone.
      load: (id) =>
        id === ENTRY ? `export * from "${name}"; export { IndexedDbStore } from "${name}/indexed-db";` : undefined,
    },
  ],
});
await bundle.write({
  file: fileURLToPath(new URL("dist/browser/mqtt.js", library)),
  format: "esm",
  minify: true,
  banner: `/*! ${name} ${version}, ${license} */`,
});
