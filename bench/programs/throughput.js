// Messages per second of one client: { client, port, direction: "publish" | "receive" | "durable", qos, count, size }, for
// publishing { inflight }, for receiving { subscriptions } (only one of them matches), and for a durable session { directory }.
import { openClient, publishMany, report, settings, timed } from "./program.js";

const given = /** @type {import("./interface.ts").Settings["throughput"]} */ (settings);
const { direction, qos, count, size, inflight = qos === 0 ? 500 : 1_000, subscriptions = 1 } = given;
const payload = Buffer.alloc(size, 0x2a);

/** @param {import("../clients/client.ts").Client} client */
async function publishing(client) {
  const lanes = Math.min(inflight, 10);
  const batch = Math.floor(inflight / lanes);
  /** @param {number} total */
  const work = (total) => publishMany(client, { count: total, qos, payload, lanes, batch });
  await work(Math.min(count / 5, 20_000)); // warm up
  return timed(count, () => work(count));
}

/** @param {import("../clients/client.ts").Client} client */
async function receiving(client) {
  await Promise.all(Array.from({ length: subscriptions - 1 }, (_, i) => client.subscribe([`idle/${i}/+`], qos)));
  let got = 0;
  let target = Math.ceil(Math.min(count / 5, 20_000));
  let reached = () => {};
  /** @param {string[]} filters */
  const flood = async (filters) => {
    const all = /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        reached = resolve;
      })
    );
    const onMessage = () => {
      if (++got === target) reached();
    };
    await client.subscribe([`flood/${qos}/${target}/${size}`, ...filters], qos, onMessage);
    await all;
  };
  await flood(["bench/#"]); // warm up
  got = 0;
  target = count;
  return timed(count, () => flood([]));
}

const client = await openClient({ directory: given.directory });
const figures = await (direction === "receive" ? receiving(client) : publishing(client));
const note = client.note?.();
await client.close();
report({ ...figures, ...(note && { note }) });
