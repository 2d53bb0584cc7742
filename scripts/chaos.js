// @ts-check
// Runs clients and servers with cuts, kills and silence, and reports the results. The options are in
// test/chaos/main.ts.
//
//   node scripts/chaos.js [--cuts 10000] [--kills 500] [--shutdowns 2000] [--seed N] [--seconds-limit N]
//     [--server broker|mosquitto|both] [--only TEXT]
//   node scripts/chaos.js --broker [--cuts 10000] [--kills 500]  our client and our broker at QoS 2; the broker is killed
//   node scripts/chaos.js --broker --persist [--kills 500] [--seeds 10000]  our broker with a disk store
//   node scripts/chaos.js --soak
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle } from "../test/fixtures/bundle.js";

const chaos = new URL("../test/chaos/", import.meta.url);
const directory = await mkdtemp(join(tmpdir(), "aiko-mqtt-chaos-"));
try {
  const main = await bundle(new URL("main.ts", chaos), directory);
  const programs = {
    client: await bundle(new URL("programs/client.ts", chaos), directory),
    crowd: await bundle(new URL("programs/crowd.ts", chaos), directory),
    broker: await bundle(new URL("programs/broker.ts", chaos), directory),
    shutdowns: await bundle(new URL("programs/shutdowns.ts", chaos), directory),
  };
  const { run } = await import(main);
  process.exitCode = await run(process.argv.slice(2), programs);
} finally {
  await rm(directory, { recursive: true, force: true });
}
