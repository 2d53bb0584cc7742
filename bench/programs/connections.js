// Many clients of one process: { client, port, count, atOnce, rest }. Measures how fast they connect, and the resident memory of each
// after `rest` milliseconds.
// Needs --expose-gc.
import { openClient, pause, report, settings } from "./program.js";

const { count, atOnce, rest } = /** @type {import("./interface.ts").Settings["connections"]} */ (settings);
/** A minute, like most users: no PINGREQ is sent during the measurement. */
const options = { keepAlive: 60 };

/** Milliseconds between garbage collections. */
const STEP = 400;

/** Returns the resident memory at rest. V8 returns the memory that connecting used only after eight idle seconds. */
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
