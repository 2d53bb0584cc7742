// What a user of the library downloads. ../case.ts defines a case and a row.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** @typedef {{ packages: Record<string, { dependencies?: Record<string, string> }> }} Lock */

/** @param {string} path @returns {Lock} */
const lockAt = (path) => JSON.parse(readFileSync(`${root}${path}`, "utf8"));
/** @param {Uint8Array} bytes */
const kilobytes = (bytes) => bytes.length / 1000;
/** @param {Buffer} code */
const sizes = (code) => ({ minified: kilobytes(code), gzip: kilobytes(gzipSync(code, { level: 9 })) });

/** @param {string} entry */
async function ourBundle(entry) {
  const bundle = await rolldown({
    input: `${root}packages/mqtt/dist/${entry}`,
    platform: "browser",
    resolve: { conditionNames: ["browser", "import", "default"] },
    logLevel: "silent",
  });
  const { output } = await bundle.generate({ format: "esm", minify: true, codeSplitting: false });
  return Buffer.from(output[0].code);
}

/**
 * Returns the packages that are installed together with `name`, from a lock file.
 *
 * @param {Lock} lock
 * @param {string} name
 */
function packagesBeside(lock, name) {
  const found = new Set();
  /** @param {string} place */
  const visit = (place) => {
    const { dependencies = {} } = lock.packages[place] ?? {};
    for (const each of Object.keys(dependencies)) {
      let within = place;
      while (lock.packages[`${within}/node_modules/${each}`] === undefined && within !== "") {
        within = within.slice(0, Math.max(0, within.lastIndexOf("/node_modules/")));
      }
      const dependency = within === "" ? `node_modules/${each}` : `${within}/node_modules/${each}`;
      if (lock.packages[dependency] === undefined || found.has(dependency)) continue;
      found.add(dependency);
      visit(dependency);
    }
  };
  visit(name);
  return found.size;
}

/**
 * @param {string} name
 * @param {string} figure
 * @param {string} unit
 * @param {import("../case.ts").Goal[]} goals
 * @returns {import("../case.ts").Row}
 */
const row = (name, figure, unit, goals) => ({ group: "size", name, figure, unit, better: "less", goals });

/** @type {import("../case.ts").Case[]} */
export default [
  {
    name: "size",
    group: "size",
    once: true, // its figures do not change from round to round
    contenders: {
      ours: async () => ({
        ...sizes(await ourBundle("index.js")),
        small: sizes(await ourBundle("small/index.js")).gzip,
        packages: packagesBeside(lockAt("package-lock.json"), "packages/mqtt"),
      }),
      "MQTT.js": async () => {
        const { minified, gzip } = sizes(readFileSync(`${root}bench/node_modules/mqtt/dist/mqtt.min.js`));
        const packages = packagesBeside(lockAt("bench/package-lock.json"), "node_modules/mqtt");
        return { minified, gzip, small: gzip, packages }; // it has only one
      },
    },
    rows: [
      row("browser bundle of the whole client, gzip", "gzip", "KB", [{ value: 14 }]),
      row("browser bundle of the small client, MQTT 5 and QoS 2 included, gzip", "small", "KB", [{ value: 14 }]),
      row("browser bundle of the whole client, minified", "minified", "KB", []),
      row("runtime packages installed with the library", "packages", "", [{ value: 0 }]),
    ],
  },
];
