// Builds packages/mqtt/dist/browser/ from the output of tsc: each of the two clients in one file, for pages without a
// bundler.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const library = new URL("../packages/mqtt/", import.meta.url);
const { name, version, license } = JSON.parse(await readFile(new URL("package.json", library), "utf8"));
const ENTRY = "entry";

/** What each file exports. */
const files = {
  // The library's main entry, and the store that only browsers can use.
  "mqtt.js": `export * from "${name}"; export { IndexedDbStore } from "${name}/indexed-db";`,
  "mqtt-small.js": `export * from "${name}/small";`,
};

for (const [file, source] of Object.entries(files)) {
  const bundle = await rolldown({
    input: ENTRY,
    cwd: fileURLToPath(library), // independent of the current folder
    platform: "browser",
    plugins: [
      {
        name: "entry",
        resolveId: (id) => (id === ENTRY ? id : undefined),
        load: (id) => (id === ENTRY ? source : undefined),
      },
    ],
  });
  await bundle.write({
    file: fileURLToPath(new URL(`dist/browser/${file}`, library)),
    format: "esm",
    minify: true,
    banner: `/*! ${name} ${version}, ${license} */`,
  });
}
