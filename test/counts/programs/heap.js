// @ts-check
// The bytes of memory that a message uses on its way through the client, as JSON: the growth of the heap and of the
// array buffers without garbage collection. Run it with --expose-gc and a young generation that holds a whole
// measurement:
//
//   node --expose-gc --min-semi-space-size=64 --max-semi-space-size=64 test/counts/programs/heap.js publish|receive QOS
import { PerformanceObserver } from "node:perf_hooks";
import { createClient, platform } from "@aiko/mqtt";

const [direction, qosText] = process.argv.slice(2);
const qos = /** @type {0 | 1 | 2} */ (Number(qosText));
const BATCH = 100;
const MESSAGES = 5_000;
const TOPIC = "bench/topic";
const payload = new Uint8Array(64).fill(0x2a);

/** A server that allocates almost nothing: it knows the offsets of packet identifiers. */
class Server {
  /** @type {import("@aiko/mqtt").TransportListener | undefined} */
  listener;
  state = "connect";
  /** Its own messages that the client has acknowledged completely. */
  acknowledged = 0;

  /** @param {import("@aiko/mqtt").TransportListener} listener */
  start(listener) {
    this.listener = listener;
  }

  /** @param {Uint8Array} bytes */
  write(bytes) {
    const answer = this.answer(bytes);
    if (answer.length > 0) setImmediate(() => this.listener?.onBytes(answer));
    return true;
  }

  /** @param {Uint8Array} bytes whole packets @returns {Uint8Array} */
  answer(bytes) {
    if (this.state === "connect") {
      this.state = "open";
      return Uint8Array.of(0x20, 2, 0, 0);
    }
    const type = /** @type {number} */ (bytes[0]) >> 4;
    if (type === 8) return Uint8Array.of(0x90, 3, bytes[2] ?? 0, bytes[3] ?? 0, qos);
    if (type === (qos === 1 ? 4 : 7)) this.acknowledged += bytes.length / 4;
    const step = type === 3 ? 4 + TOPIC.length + 2 + payload.length : 4;
    const at = type === 3 ? 4 + TOPIC.length : 2;
    const first = { 3: qos === 1 ? 0x40 : 0x50, 5: 0x62, 6: 0x70 }[type];
    if (first === undefined || (type === 3 && qos === 0)) return new Uint8Array(0);
    const answer = new Uint8Array((bytes.length / step) * 4);
    for (let from = 0, to = 0; from < bytes.length; from += step, to += 4) {
      answer[to] = first;
      answer[to + 1] = 2;
      answer[to + 2] = bytes[from + at] ?? 0;
      answer[to + 3] = bytes[from + at + 1] ?? 0;
    }
    return answer;
  }

  pause() {}
  resume() {}
  end() {}
  destroy() {}
}

const server = new Server();
const client = createClient("mqtt://server", {
  platform: { ...platform, dial: async () => server },
  protocolVersion: 4,
  keepAlive: 0,
  maximumInflight: 65_535,
});
await client.connect();

/** @param {number} total */
async function publish(total) {
  for (let sent = 0; sent < total; sent += BATCH) {
    /** @type {Promise<unknown> | undefined} */
    let last;
    for (let i = 0; i < BATCH; i++) last = client.publish(TOPIC, payload, { qos });
    await last;
  }
}

let got = 0;
const name = new TextEncoder().encode(TOPIC);
const one = Uint8Array.from([
  0x30 | (qos << 1),
  2 + name.length + (qos === 0 ? 0 : 2) + payload.length,
  0,
  name.length,
  ...name,
  ...(qos === 0 ? [] : [0, 0]),
  ...payload,
]);

/** @param {number} total */
async function receive(total) {
  for (let sent = 0; sent < total; sent += BATCH) {
    const chunk = new Uint8Array(one.length * BATCH);
    for (let i = 0; i < BATCH; i++) {
      chunk.set(one, i * one.length);
      if (qos > 0) chunk[i * one.length + 5 + name.length] = i + 1;
    }
    const all = server.acknowledged + BATCH;
    server.listener?.onBytes(chunk);
    do await new Promise((resolve) => setImmediate(resolve));
    while (qos > 0 && server.acknowledged < all);
  }
}

if (direction === "receive") {
  await client.subscribe("bench/#", { qos, onMessage: () => void got++ });
}
const work = direction === "receive" ? receive : publish;

let collections = 0;
new PerformanceObserver((list) => {
  collections += list.getEntries().length;
}).observe({ entryTypes: ["gc"] });
const settle = () => new Promise((resolve) => setTimeout(resolve, 20));

for (let i = 0; i < 12; i++) await work(MESSAGES); // compiled as in normal use
let heap = Infinity;
let buffers = Infinity;
for (let i = 0; i < 5; i++) {
  globalThis.gc?.();
  await settle();
  collections = 0;
  const before = process.memoryUsage();
  await work(MESSAGES);
  const after = process.memoryUsage();
  await settle();
  if (collections > 0) continue;
  heap = Math.min(heap, (after.heapUsed - before.heapUsed) / MESSAGES);
  buffers = Math.min(buffers, (after.arrayBuffers - before.arrayBuffers) / MESSAGES);
}
if (heap === Infinity) throw new Error("garbage was collected in each measurement: the young generation is too small");
if (direction === "receive" && got !== 17 * MESSAGES)
  throw new Error(`${got} messages came instead of ${17 * MESSAGES}`);
console.log(JSON.stringify({ heap: Math.round(heap), buffers: Math.round(buffers) }));
process.exit(0);
