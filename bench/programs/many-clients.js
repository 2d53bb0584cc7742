// The cost of a message when one process has many clients: { client, port, clients, count }. Each client publishes at QoS 1, ten
// at a time, so that each write contains the same number of messages for any number of clients.
import { openClient, report, settings, timed } from "./program.js";

const BATCH = 10;
const { clients: total, count } = /** @type {import("./interface.ts").Settings["many-clients"]} */ (settings);
const payload = Buffer.alloc(64, 0x2a);
/** @type {import("../clients/client.ts").Client[]} */
const clients = [];
for (let i = 0; i < total; i += 100) {
  clients.push(...(await Promise.all(Array.from({ length: Math.min(100, total - i) }, () => openClient()))));
}
const rounds = Math.max(1, Math.round(count / total / BATCH));
/** @param {number} times */
const work = (times) =>
  Promise.all(
    clients.map(async (client) => {
      for (let i = 0; i < times; i++) {
        await Promise.all(Array.from({ length: BATCH }, () => client.publish("bench/topic", payload, 1)));
      }
    }),
  );
await work(Math.ceil(rounds / 5)); // warm up
report(await timed(rounds * BATCH * total, () => work(rounds)));
