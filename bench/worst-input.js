// Compares the decoding time of 1 MB of the worst known inputs with that of 1 MB of ordinary packets, as ratios. Inputs are passed in chunks of
// 64 KiB, like those of sockets, and once byte by byte.
import { encode, PacketStream } from "@aiko/mqtt/codec";
import { summary } from "./result.js";

const MEGABYTE = 1_000_000;
/**
 * @param {string} topic
 * @param {Uint8Array} payload
 * @param {import("@aiko/mqtt").PublishProperties} [properties]
 */
const publish = (topic, payload, properties = {}) =>
  encode({ type: "publish", topic, payload, qos: 0, retain: false, dup: false, packetIdentifier: 0, properties }, 5);
/** @param {number} length */
const bytes = (length) => new Uint8Array(length).fill(0x2a);
/** @type {[string, string]} */
const pair = ["", ""];
/** @param {string} topicFilter @param {number} count */
const filters = (topicFilter, count) =>
  encode(
    {
      type: "subscribe",
      packetIdentifier: 1,
      subscriptions: Array.from({ length: count }, () => ({ topicFilter, qos: 0 })),
    },
    5,
  );

const inputs = {
  "PINGRESP, two bytes each": encode({ type: "pingresp" }, 5),
  "PUBACK, four bytes each": encode({ type: "puback", packetIdentifier: 1, reasonCode: 0 }, 5),
  "PUBLISH without payload, one-letter topic": publish("a", bytes(0)),
  "PUBLISH of 10,000 empty user properties": publish("a", bytes(0), {
    userProperties: Array.from({ length: 10_000 }, () => pair),
  }),
  "PUBLISH of 10,000 subscription identifiers": publish("a", bytes(0), {
    subscriptionIdentifiers: Array.from({ length: 10_000 }, () => 1),
  }),
  "topic of 65,535 slashes": publish("/".repeat(65_535), bytes(0)),
  "topic of 16,383 characters of four bytes": publish("𝄞".repeat(16_383), bytes(0)),
  "SUBSCRIBE of 10,000 one-letter filters": filters("a", 10_000),
  "SUBACK of 10,000 codes": encode(
    { type: "suback", packetIdentifier: 1, reasonCodes: Array.from({ length: 10_000 }, () => 0) },
    5,
  ),
};

/** Returns the milliseconds for a megabyte. @param {Uint8Array} packet @param {number} chunk */
function time(packet, chunk) {
  const count = Math.ceil(MEGABYTE / packet.length);
  const whole = new Uint8Array(packet.length * count);
  for (let i = 0; i < count; i++) whole.set(packet, i * packet.length);
  const samples = [];
  for (let round = 0; round < 7; round++) {
    const stream = new PacketStream(5);
    const started = process.hrtime.bigint();
    for (let at = 0; at < whole.length; at += chunk) stream.push(whole.slice(at, at + chunk));
    samples.push((Number(process.hrtime.bigint() - started) / 1e6) * (MEGABYTE / whole.length));
  }
  return summary(samples).median;
}

const ordinary = publish("bench/topic", bytes(64));
const base = time(ordinary, 65_536);
console.log(`1 MB of ordinary packets (64 bytes of payload): ${base.toFixed(2)} ms`);
let worst = 0;
for (const [name, packet] of Object.entries(inputs)) {
  const ratio = time(packet, 65_536) / base;
  worst = Math.max(worst, ratio);
  console.log(`${ratio.toFixed(1).padStart(7)} ×  ${name}`);
}
/** @type {[string, Uint8Array][]} */
const byteByByte = [
  ["ordinary packets, byte by byte", ordinary],
  ["one packet of 1 MB, byte by byte", publish("a", bytes(MEGABYTE))],
];
for (const [name, packet] of byteByByte) {
  const ratio = time(packet, 1) / base;
  worst = Math.max(worst, ratio);
  console.log(`${ratio.toFixed(1).padStart(7)} ×  ${name}`);
}
console.log(`worst: ${worst.toFixed(1)} ×`);
