// The time of one QoS 1 publish from the call to its PUBACK, in microseconds: { client, port, seconds }. Measures first an
// idle client, one message after the other, then half of this client's maximum rate. There, messages are due by the clock, even if the client
// is not ready. Their time is counted from when they were due, so that a stall affects every message that it delays.
import { openClient, publishMany, quantile, report, settings } from "./program.js";

const payload = Buffer.alloc(64, 0x2a);
const { seconds } = /** @type {import("./interface.ts").Settings["latency"]} */ (settings);
const milliseconds = seconds * 1000;
/** @param {number} since */
const microseconds = (since) => (performance.now() - since) * 1000;

/** @param {import("../clients/client.ts").Client} client */
async function idle(client) {
  const times = [];
  const end = performance.now() + milliseconds;
  while (performance.now() < end) {
    const start = performance.now();
    await client.publish("bench/topic", payload, 1);
    times.push(microseconds(start));
  }
  return times;
}

/** @param {import("../clients/client.ts").Client} client */
async function maximumRate(client) {
  let count = 5_000;
  for (;;) {
    const start = performance.now();
    await publishMany(client, { count, qos: 1, payload, lanes: 10, batch: 100 });
    const taken = performance.now() - start;
    if (taken > milliseconds / 3) return count / taken;
    count *= 2;
  }
}

/** @param {import("../clients/client.ts").Client} client @param {number} rate messages a millisecond */
async function loaded(client, rate) {
  const total = Math.floor(rate * milliseconds);
  const times = new Float64Array(total);
  let settled = 0;
  let due = 0;
  const start = performance.now();
  await /** @type {Promise<void>} */ (
    new Promise((resolve, reject) => {
      const turn = () => {
        const passed = performance.now() - start;
        while (due < total && due / rate <= passed) {
          const number = due++;
          client.publish("bench/topic", payload, 1).then(() => {
            times[number] = microseconds(start + number / rate);
            if (++settled === total) resolve();
          }, reject);
        }
        if (due < total) setImmediate(turn);
      };
      turn();
    })
  );
  return times;
}

/** @param {ArrayLike<number>} times @param {string} name */
function quantiles(times, name) {
  const sorted = Float64Array.from(times).sort();
  return Object.fromEntries([0.5, 0.99, 0.999].map((part) => [`${name} p${part * 100}`, quantile(sorted, part)]));
}

const client = await openClient();
const rate = await maximumRate(client); // this also warms up
const quiet = await idle(client);
const busy = await loaded(client, rate / 2);
report({ ...quantiles(quiet, "idle"), ...quantiles(busy, "half"), rate: Math.round((rate / 2) * 1000) });
