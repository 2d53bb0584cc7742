// @ts-check
// Tells stories of an MQTT-SN client and a gateway over a link that loses, repeats and reorders datagrams. At the end of
// each, QoS 1 has arrived at least once and QoS 2 once, in order. A seed is a story; --log prints what went over the link.
//
//   node scripts/model-sn.js [--seeds 10000] [--from 1] [--log]
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle } from "../test/fixtures/bundle.js";

const directory = await mkdtemp(join(tmpdir(), "aiko-mqtt-model-sn-"));
try {
  const program = new URL("../packages/gateway/test/sn/model/main.ts", import.meta.url);
  const { run } = await import(await bundle(program, directory));
  process.exitCode = await run(process.argv.slice(2));
} finally {
  await rm(directory, { recursive: true, force: true });
}
