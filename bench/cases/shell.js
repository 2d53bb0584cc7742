// One publish from the shell, the whole process. ../case.ts defines a case and a row.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** @param {string} path */
const file = (path) => fileURLToPath(new URL(path, import.meta.url));
/** @type {{ bin: Record<string, string> }} */
const { bin } = JSON.parse(readFileSync(file("../../packages/cli/package.json"), "utf8"));
/** @param {import("../place.js").Place} place */
const publishing = async (place) => ["-h", "127.0.0.1", "-p", String(await place.endpoint()), "-t", "a", "-m", "b"];
/**
 * @param {string} path
 * @param {string[]} args
 * @param {(place: import("../place.js").Place) => Promise<string[]>} [more]
 * @returns {import("../case.ts").Contender}
 */
const command = (path, args, more) => async (place) => ({
  milliseconds: await place.duration(path, [...args, ...(more ? await more(place) : [])]),
});

/** @type {import("../case.ts").Case[]} */
export default [
  {
    name: "shell",
    group: "shell",
    contenders: {
      ours: command(process.execPath, [file(`../../packages/cli/${bin["mqtt_publish"]}`)], publishing),
      "node -e 0": command(process.execPath, ["-e", "0"]),
      "MQTT.js": command(process.execPath, [file("../node_modules/mqtt/build/bin/mqtt.js"), "publish"], publishing),
      mosquitto_pub: command("mosquitto_pub", [], publishing),
    },
    rows: [
      {
        group: "shell",
        name: "one publish from the shell",
        figure: "milliseconds",
        unit: "ms",
        better: "less",
        goals: [{ against: "node -e 0", share: 1.3 }],
      },
    ],
  },
];
