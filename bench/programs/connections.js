// Many clients of one process: { client, port, count, atOnce, rest }. How fast they connect, and what resident memory each takes after so
// many milliseconds of rest.
// Needs --expose-gc.
import { openClient, pause, report, settings } from "./program.js";

const { count, atOnce, rest } = /** @type {import("./interface.ts").Settings["connections"]} */ (settings);
/** As most users have it: a minute, and so no PINGREQ while this lasts. */
const options = { keepAlive: 60 };

/** Milliseconds between collections. */
const STEP = 400;

/** What is resident at rest: V8 gives back what connecting took only when nothing has happened for eight seconds. */
async function residentMemory() {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error("connections: start it with --expose-gc");
  for (let rested = 0; rested < rest; rested += STEP) {
    gc();
    await pause(STEP);
  }
  return process.memoryUsage.rss();
}

for (let i = 0; i < 20; i++) await (await openClient(options)).close(); // warm up
const before = await residentMemory();
const clients = [];
const start = performance.now();
let begun = 0;
const lane = async () => {
  while (begun < count) {
    begun++;
    clients.push(await openClient(options));
  }
};
await Promise.all(Array.from({ length: atOnce }, lane));
const seconds = (performance.now() - start) / 1000;
const kilobytes = ((await residentMemory()) - before) / 1024 / count;
report({ rate: Math.round(count / seconds), kilobytes });
