// @ts-check
// Measures how one packet of up to 256 MB affects a process: each type, for both clients and the broker, with the
// largest limit that an application can set. Prints a table: whether the process survives, whether the packet was
// refused, how long the event loop was blocked, and the memory beyond that after ordinary traffic, in multiples of the
// packet. The exit code is 1 if a process dies, is blocked for over 200 ms longer than by a payload, or uses more than
// twice the packet's bytes and 4 MiB.
//
//   node scripts/long-packets.js [--megabytes N] [--side broker|whole|small] [--only TEXT]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    megabytes: { type: "string", default: "256" },
    side: { type: "string", default: "" },
    only: { type: "string", default: "" },
  },
});
const LONGEST = 268_435_455;
const size = Math.min(LONGEST, Number(values.megabytes) * 2 ** 20);
/** Milliseconds. */
const MOST_STALL = 200;
const PATIENCE = 60_000;
/** In multiples of the packet, and in bytes that a process may grow by with any packet. */
const MOST_MEMORY = 2;
const SMALL_CHANGE = 4 * 2 ** 20;

/** The header of a packet followed by this many bytes. @param {number} first @param {number} length */
function header(first, length) {
  const bytes = [first];
  do {
    bytes.push((length & 127) | (length > 127 ? 128 : 0));
    length >>>= 7;
  } while (length > 0);
  return bytes;
}

/** @param {number} first @param {number[]} head @param {number[]} unit repeated until the packet is full @param {boolean} inProperties */
function packet(first, head, unit, inProperties = false) {
  const room = size - head.length - (inProperties ? 4 : 0);
  const count = Math.floor(room / unit.length);
  const filled = count * unit.length;
  const length = inProperties ? header(0, filled).slice(1) : [];
  const body = head.length + length.length + filled;
  const start = [...header(first, body), ...head, ...length];
  const bytes = Buffer.alloc(start.length + filled, Uint8Array.from(unit));
  bytes.set(start);
  bytes.set(Buffer.alloc(Math.min(filled, unit.length * 4), Uint8Array.from(unit)), start.length);
  for (let at = start.length; at < bytes.length; at += unit.length) if (unit.length > 1) bytes.set(unit, at);
  return bytes;
}

const emptyPair = [0x26, 0, 0, 0, 0];
const topic = [0, 1, 0x61];
/** A filter, or a text, of 65,535 letters. */
const long = [0xff, 0xff, ...Array.from({ length: 65_535 }, () => 0x61)];
/** @type {Record<string, () => Buffer>} */
const packets = {
  "PUBLISH, payload": () => packet(0x30, [...topic, 0], [0x2a]),
  "PUBLISH, empty user properties": () => packet(0x30, topic, emptyPair, true),
  "PUBLISH, long user properties": () => packet(0x30, topic, [0x26, ...long, ...long], true),
  "PUBLISH, subscription identifiers": () => packet(0x30, topic, [0x0b, 1], true),
  "CONNECT, user properties": () => packet(0x10, [0, 4, 0x4d, 0x51, 0x54, 0x54, 5, 2, 0, 0], emptyPair, true),
  "CONNACK, user properties": () => packet(0x20, [0, 0], emptyPair, true),
  "PUBACK, user properties": () => packet(0x40, [0, 1, 0], emptyPair, true),
  "PUBREC, user properties": () => packet(0x50, [0, 1, 0], emptyPair, true),
  "PUBREL, user properties": () => packet(0x62, [0, 1, 0], emptyPair, true),
  "PUBCOMP, user properties": () => packet(0x70, [0, 1, 0], emptyPair, true),
  "SUBSCRIBE, short filters": () => packet(0x82, [0, 1, 0], [0, 1, 0x61, 0]),
  "SUBSCRIBE, long filters": () => packet(0x82, [0, 1, 0], [...long, 0]),
  "SUBACK, reason codes": () => packet(0x90, [0, 1, 0], [0]),
  "UNSUBSCRIBE, short filters": () => packet(0xa2, [0, 1, 0], [0, 1, 0x61]),
  "UNSUBACK, reason codes": () => packet(0xb0, [0, 1, 0], [0]),
  "PINGREQ with a body": () => packet(0xc0, [], [0]),
  "PINGRESP with a body": () => packet(0xd0, [], [0]),
  "DISCONNECT, user properties": () => packet(0xe0, [0], emptyPair, true),
  "AUTH, user properties": () => packet(0xf0, [0x18], emptyPair, true),
};

/**
 * The socket to a side that has accepted the connection, and the side's process.
 *
 * @param {string} side
 * @param {boolean} greeted whether CONNECT, or CONNACK, is sent first
 */
async function open(side, greeted) {
  const server = side === "broker" ? undefined : createServer().listen(0, "127.0.0.1");
  if (server) await once(server, "listening");
  const port = /** @type {import("node:net").AddressInfo | undefined} */ (server?.address())?.port;
  const script = new URL("long-packets/side.js", import.meta.url).pathname;
  // V8's young generation may grow to 48 MiB with any traffic, which would hide the memory of a packet.
  const child = spawn(process.execPath, ["--max-semi-space-size=1", script, side, String(port)], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  child.stdin.on("error", () => undefined);
  const lines = createInterface({ input: child.stdout });
  const ready = once(lines, "line");
  let socket;
  if (server) {
    const [accepted] = await once(server, "connection");
    socket = /** @type {import("node:net").Socket} */ (accepted);
    server.close();
    await once(socket, "data"); // CONNECT
    if (greeted) {
      socket.write(Uint8Array.of(0x20, 3, 0, 0, 0));
      await ready;
      await once(socket, "data"); // SUBSCRIBE
    }
  } else {
    const [line] = await ready;
    socket = connect(Number(line.split(" ")[1]), "127.0.0.1");
    await once(socket, "connect");
    if (greeted) {
      socket.write(Uint8Array.of(0x10, 14, 0, 4, 0x4d, 0x51, 0x54, 0x54, 5, 2, 0, 0, 0, 0, 1, 0x63));
      await once(socket, "data"); // CONNACK
    }
  }
  socket.on("error", () => undefined);
  socket.resume();
  if (greeted) await ordinaryTraffic(socket);
  const begun = once(lines, "line");
  child.stdin.write("begin\n");
  await begun;
  return { socket, child, lines };
}

/**
 * 8 MiB of messages of 4 KiB, after which a process has loaded what it needs.
 *
 * @param {import("node:net").Socket} socket
 */
async function ordinaryTraffic(socket) {
  const message = Uint8Array.from([...header(0x30, 4_096), ...topic, 0, ...Array.from({ length: 4_092 }, () => 0x2a)]);
  for (let i = 0; i < 2_048; i++) if (!socket.write(message)) await once(socket, "drain");
  await new Promise((resolve) => setTimeout(resolve, 300));
}

/** @param {string} side @param {string} name @param {Buffer} bytes */
async function run(side, name, bytes) {
  const greeted = !name.startsWith(side === "broker" ? "CONNECT" : "CONNACK");
  const { socket, child, lines } = await open(side, greeted);
  const died = once(child, "exit").then(([code, signal]) => ({ died: signal ?? code }));
  const closed = new Promise((resolve) => socket.once("close", () => resolve("refused")));
  const taken = new Promise((resolve) => socket.write(bytes, () => setTimeout(resolve, 1_000, "taken")));
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE, "no answer").unref());
  const outcome = await Promise.race([closed, taken, died, late]);
  await new Promise((resolve) => setTimeout(resolve, 200));
  if (child.exitCode !== null || child.signalCode !== null)
    return { outcome: "DIED", stall: Infinity, memory: Infinity };
  const said = once(lines, "line");
  child.stdin.write("report\n");
  const [line] = await Promise.race([said, died.then(() => ["{}"])]);
  socket.destroy();
  child.kill();
  await died;
  return { outcome: String(outcome), ...JSON.parse(line) };
}

let failed = false;
const chosen = Object.entries(packets).filter(([name]) => name.includes(values.only));
const sides = ["broker", "whole", "small"].filter((side) => side.includes(values.side));
console.log(`${size} bytes; stall in ms, memory in multiples of the packet\n`);
console.log(`${"packet".padEnd(36)}${sides.map((side) => side.padStart(26)).join("")}`);
/** @type {Record<string, number>} */
const payload = {};
for (const [name, make] of chosen) {
  const bytes = make();
  const cells = [];
  for (const side of sides) {
    const { outcome, stall, memory } = await run(side, name, bytes);
    payload[side] ??= stall;
    if (outcome === "DIED" || outcome === "no answer" || stall > (payload[side] ?? 0) + MOST_STALL) failed = true;
    if (memory > MOST_MEMORY * bytes.length + SMALL_CHANGE) failed = true;
    cells.push(`${outcome} ${stall.toFixed(0)} ms ${(memory / bytes.length).toFixed(2)} ×`.padStart(26));
  }
  console.log(`${name.padEnd(36)}${cells.join("")}`);
}
process.exitCode = failed ? 1 : 0;
