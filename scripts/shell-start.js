// Measures commands as whole processes, beside an empty Node program: one publish, and a subscription until it is in
// place. Prints medians, and the medians of the ratios of neighbouring runs. Run it after `npm run build`.
//
//   node scripts/shell-start.js [RUNS]
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Broker } from "@aiko/mqtt-broker";

const runs = Number(process.argv[2] ?? 21);
const program = fileURLToPath(new URL("../packages/cli/dist/bin/aiko-mqtt.cjs", import.meta.url));
const publisher = fileURLToPath(new URL("../packages/cli/dist/bin/mqtt-publish.cjs", import.meta.url));
const broker = await Broker.listen({ host: "127.0.0.1", port: 0 });
const server = ["-h", "127.0.0.1", "-p", `${broker.port}`, "-t", "a"];

/** @type {Readonly<Record<string, readonly string[]>>} */
const commands = {
  "node -e 0": ["-e", "0"],
  "aiko-mqtt pub": [program, "pub", ...server, "-m", "b"],
  "aiko-mqtt pub -q 1": [program, "pub", ...server, "-m", "b", "-q", "1"],
  "aiko-mqtt sub -E": [program, "sub", ...server, "-E"],
  mqtt_publish: [publisher, ...server, "-m", "b"],
};

/** @type {Record<string, number[]>} */
const found = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
for (let i = -1; i < runs; i++) {
  for (const [name, args] of Object.entries(commands)) {
    const milliseconds = await duration(args);
    if (i >= 0) found[name]?.push(milliseconds); // the first round warms up
  }
}
await broker.close();

const empty = found["node -e 0"] ?? [];
for (const [name, times] of Object.entries(found)) {
  const ratio = median(times.map((time, i) => time / (empty[i] ?? Number.NaN)));
  const beyond = median(times.map((time, i) => time - (empty[i] ?? Number.NaN)));
  console.log(
    `${name.padEnd(20)} ${median(times).toFixed(1).padStart(7)} ms ${ratio.toFixed(2)} × +${beyond.toFixed(1)} ms`,
  );
}

/**
 * @param {readonly string[]} args
 * @returns {Promise<number>}
 */
function duration(args) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn(process.execPath, args, { stdio: "ignore" });
    child.once("exit", (code) => {
      if (code === 0) resolve(performance.now() - began);
      else reject(new Error(`${args.join(" ")} ended with exit code ${code}`));
    });
  });
}

/** @param {readonly number[]} values */
function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
