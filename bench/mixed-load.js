// Half an hour of mixed load on the broker with a tenth of the clients hostile: its memory, and the delays of the honest clients. Draws
// docs/mixed-load.svg. node bench/mixed-load.js [--minutes 30]
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect } from "@aiko/mqtt";
import { lineChart } from "./chart.js";
import { pidOf, serve, stopServers } from "./children.js";

const { values } = parseArgs({ options: { minutes: { type: "string", default: "30" } } });
const minutes = Number(values.minutes);

/** Each pair has a publisher and a subscriber: 180 honest clients. */
const PAIRS = 80;
/** Honest clients that come and go, and read what is retained. */
const VISITORS = 20;
const HOSTILE = 20;
/** Milliseconds between two messages of a publisher. */
const PERIOD = 25;
const SAMPLE = 10_000;
const RETAINED = 2_000;

const here = import.meta.dirname;
const port = Number(
  await serve(process.execPath, [join(here, "programs/broker.js"), JSON.stringify({ broker: "aiko" })], "broker"),
);
const url = `mqtt://127.0.0.1:${port}`;

/** Delays of the messages since the last sample, in milliseconds. @type {number[]} */
let delays = [];
const sent = [0, 0, 0];
const received = [0, 0, 0];
let isOver = false;

/** @param {number} number */
async function pair(number) {
  const qos = /** @type {0 | 1 | 2} */ (number % 3);
  const topic = `pairs/${number}`;
  const subscriber = await connect(url, { clientId: `subscriber${number}` });
  await subscriber.subscribe(topic, {
    qos,
    onMessage: ({ payload }) => {
      delays.push(performance.now() - new DataView(payload.buffer, payload.byteOffset).getFloat64(0));
      received[qos] = (received[qos] ?? 0) + 1;
    },
  });
  const publisher = await connect(url, { clientId: `publisher${number}` });
  const timer = setInterval(() => {
    if (isOver) return;
    const payload = new Uint8Array(64);
    new DataView(payload.buffer).setFloat64(0, performance.now());
    sent[qos] = (sent[qos] ?? 0) + 1;
    void publisher.publish(topic, payload, { qos });
  }, PERIOD);
  return async () => {
    clearInterval(timer);
    await Promise.all([publisher.disconnect(), subscriber.disconnect()]);
  };
}

/** Connects, reads the retained messages, leaves, and comes again. @param {number} number */
async function visit(number) {
  while (!isOver) {
    const client = await connect(url, { clientId: `visitor${number}` });
    let left = RETAINED;
    await new Promise((resolve) => {
      void client.subscribe("retained/#", { qos: 1, onMessage: () => void (--left === 0 && resolve(undefined)) });
    });
    await client.disconnect();
    await new Promise((resolve) => setTimeout(resolve, 5_000 + number * 100));
  }
}

/** Megabytes of the broker's process. */
function memory() {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pidOf("broker")}/status`, "utf8"))?.[1];
  return Math.round(Number(kilobytes) / 102.4) / 10;
}

/** @param {number[]} samples @param {number} part */
const quantile = (samples, part) => samples.toSorted((a, b) => a - b)[Math.floor(samples.length * part)] ?? 0;

const keeper = await connect(url);
for (let i = 0; i < RETAINED; i++) await keeper.publish(`retained/${i}`, "x".repeat(50), { qos: 1, retain: true });
const ends = await Promise.all(Array.from({ length: PAIRS }, (_, i) => pair(i)));
const visits = Array.from({ length: VISITORS }, (_, i) => visit(i));
await serve(process.execPath, [join(here, "programs/hostile.js"), JSON.stringify({ port, count: HOSTILE })], "hostile");

/** @type {[number, number][]} */
const memories = [];
/** @type {[number, number][]} */
const late = [];
const start = performance.now();
while (performance.now() - start < minutes * 60_000) {
  await new Promise((resolve) => setTimeout(resolve, SAMPLE));
  const minute = Math.round((performance.now() - start) / 600) / 100;
  memories.push([minute, memory()]);
  late.push([minute, Math.round(quantile(delays, 0.99) * 10) / 10]);
  delays = [];
}
isOver = true;
for (const end of ends) await end();
await Promise.all(visits);
await keeper.disconnect();
stopServers();

const third = Math.floor(memories.length / 3);
/** @param {[number, number][]} samples */
const median = (samples) =>
  quantile(
    samples.map(([, value]) => value),
    0.5,
  );
const summary = {
  minutes,
  sent,
  received,
  "memory in MB, median of the first, second and last third": [0, 1, 2].map((i) =>
    median(memories.slice(i * third, (i + 1) * third)),
  ),
  "p99 in ms, median and maximum": [median(late), Math.max(...late.map(([, value]) => value))],
};
console.log(JSON.stringify(summary, undefined, 2));
if (received[1] !== sent[1] || received[2] !== sent[2])
  throw new Error("messages of QoS 1 or 2 are missing or doubled");

const svg = lineChart({
  title: "The broker under mixed load with a tenth of the clients hostile",
  subtitle: `${2 * PAIRS + VISITORS} honest clients with ${(PAIRS * 1000) / PERIOD} messages a second at QoS 0, 1 and 2, ${HOSTILE} hostile ones`,
  x: { name: "minutes" },
  y: { name: "MB, ms" },
  series: [
    { name: "memory of the process (MB)", points: memories },
    { name: "p99 of the honest clients' delays (ms)", points: late },
  ],
});
writeFileSync(join(here, "../docs/mixed-load.svg"), svg);
