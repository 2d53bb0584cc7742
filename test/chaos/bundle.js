// @ts-check
// Bundles the programs of the chaos run from the sources, so that no run is against an old build.
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

/** @param {string} path */
const source = (path) => fileURLToPath(new URL(`../../packages/${path}`, import.meta.url));

/**
 * Bundles a file of this folder into the directory. Resolves to the path of what to run.
 *
 * @param {"main" | "programs/client" | "programs/crowd" | "programs/broker"} name
 * @param {string} directory
 */
export async function bundle(name, directory) {
  const file = `${directory}/${name.replace("programs/", "")}.mjs`;
  const bundling = await rolldown({
    input: fileURLToPath(new URL(`${name}.ts`, import.meta.url)),
    platform: "node",
    transform: { target: "node20" }, // which has no `using`
    resolve: {
      extensionAlias: { ".js": [".ts", ".js"] },
      alias: {
        "#platform": source("mqtt/src/transport/platform-node.ts"),
        "@aiko/mqtt/codec": source("mqtt/src/codec/index.ts"),
        "@aiko/mqtt/topic": source("mqtt/src/topic/index.ts"),
        "@aiko/mqtt/session": source("mqtt/src/session/index.ts"),
        "@aiko/mqtt/testing": source("mqtt/src/testing/index.ts"),
        "@aiko/mqtt-store": source("store/src/index.ts"),
        "@aiko/mqtt-broker": source("broker/src/index.ts"),
        "@aiko/mqtt": source("mqtt/src/index.ts"),
      },
    },
  });
  await bundling.write({ file, format: "esm", codeSplitting: false });
  return file;
}
