// @ts-check
// Kills the gateway again and again while devices send and its connection is cut, and reports the results.
//
//   node scripts/chaos-gateway.js [--kills 1000] [--seed N] [--seconds-limit N]
//
// The same with commands to a device:
//
//   node scripts/chaos-gateway.js --commands 1000 [--seed N]
//
// The same with MQTT-SN devices, and a server that is killed too:
//
//   node scripts/chaos-gateway.js --sn 200 [--seed N]
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "../test/fixtures/bundle.js";

const directory = await mkdtemp(join(tmpdir(), "aiko-mqtt-chaos-"));
try {
  const main = await bundle(new URL("../test/chaos-gateway/main.ts", import.meta.url), directory);
  const { run } = await import(main);
  const program = fileURLToPath(new URL("../packages/cli/dist/bin/aiko-mqtt.cjs", import.meta.url));
  process.exitCode = await run(process.argv.slice(2), program);
} finally {
  await rm(directory, { recursive: true, force: true });
}
