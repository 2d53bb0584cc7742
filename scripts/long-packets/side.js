// @ts-check
// One side that receives a long packet: node side.js broker, or node side.js whole|small PORT. Prints "ready PORT". At
// "report", prints the longest time for which the event loop was blocked, and the memory beyond that at "begin".
import { readFileSync, writeFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";

const [side, port] = process.argv.slice(2);
/** The protocol's own limit: the largest that an application can allow. */
const properties = { maximumPacketSize: 268_435_460, receiveMaximum: 1_000 };
const options = {
  properties,
  protocolVersion: /** @type {const} */ (5),
  reconnect: /** @type {const} */ (false),
  keepAlive: 0,
};

if (side === "broker") {
  const { Broker } = await import("@aiko/mqtt-broker");
  const broker = await Broker.listen({ port: 0, maximumPacketSize: properties.maximumPacketSize });
  console.log(`ready ${broker.port}`);
} else {
  /** @type {typeof import("@aiko/mqtt/small")} */
  const { connect } = side === "whole" ? await import("@aiko/mqtt") : await import("@aiko/mqtt/small");
  // The small client supports only WebSockets by itself; here it uses the full client's sockets.
  const { platform } = await import("@aiko/mqtt");
  connect(`mqtt://127.0.0.1:${port}`, { ...options, platform }).then(
    (client) => {
      client.subscribe("#", { onMessage: () => undefined }).catch(() => undefined);
      console.log("ready 0");
    },
    () => undefined, // if a packet arrives instead of CONNACK
  );
}

let last = performance.now();
let longest = 0;
setInterval(() => {
  const now = performance.now();
  longest = Math.max(longest, now - last - STEP);
  last = now;
}, 5);
const STEP = 5;
let before = 0;

/** @param {string} field of /proc/self/status, in kB there */
function memory(field) {
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;
}

createInterface({ input: process.stdin }).on("line", (line) => {
  if (line === "begin") {
    writeFileSync("/proc/self/clear_refs", "5"); // VmHWM is reset
    before = memory("VmRSS");
    last = performance.now();
    longest = 0;
    console.log("begun");
    return;
  }
  console.log(JSON.stringify({ stall: longest, memory: memory("VmHWM") - before }));
  process.exit(0);
});
