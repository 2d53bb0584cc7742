// One payload as large as the protocol allows: { client, port, direction }. Measures the time, and the maximum growth of the
// process, in multiples of the payload.
import { openClient, report, settings } from "./program.js";

const { direction } = /** @type {import("./interface.ts").Settings["large"]} */ (settings);
const LARGEST_REMAINING_LENGTH = 268_435_455;
const size = LARGEST_REMAINING_LENGTH - 2 - "bench/topic".length;

const client = await openClient({ maximumPacketSize: LARGEST_REMAINING_LENGTH + 5 });
await client.publish("bench/topic", Buffer.from("*"), 1); // warm up
const before = process.memoryUsage.rss();
const start = performance.now();
if (direction === "publish") {
  await client.publish("bench/topic", Buffer.alloc(size, 0x2a), 0);
  await client.publish("bench/topic", Buffer.from("*"), 1); // it has arrived
} else {
  const length = await new Promise((resolve, reject) => {
    client.subscribe([`flood/0/1/${size}`, "bench/#"], 0, (payload) => resolve(payload.length)).catch(reject);
  });
  if (length !== size) throw new Error(`${length} bytes instead of ${size}`);
}
const seconds = (performance.now() - start) / 1000;
const peak = process.resourceUsage().maxRSS * 1024;
report({ seconds, memory: (peak - before) / size });
