// Encodes and decodes one PUBLISH: { client: "aiko" | "mqtt-packet", milliseconds, size }. No network.

import { quantile, report, settings } from "./program.js";
import { publishBytes } from "./ready-made.js";

const BATCH = 5_000;
const topic = "bench/topic";
const { client, size, milliseconds } = /** @type {import("./interface.ts").Settings["codec"]} */ (settings);
const payload = Buffer.alloc(size, 0x2a);
const packet = publishBytes(topic, payload);
/** The size of one read of a socket, in whole packets. */
const perChunk = Math.floor(65_536 / packet.length);
const chunk = Buffer.concat(Array.from({ length: perChunk }, () => packet));

/** @type {Record<typeof client, () => Promise<{ encode: () => number, decode: (bytes: Buffer) => number }>>} */
const codecs = {
  async aiko() {
    const { encode, PacketStream } = await import("@aiko/mqtt/codec");
    /** @type {import("@aiko/mqtt/codec").PublishPacket} */
    const publish = { type: "publish", topic, payload, qos: 0, retain: false, dup: false, packetIdentifier: 0 };
    const stream = new PacketStream(4);
    return { encode: () => encode(publish, 4).length, decode: (bytes) => stream.push(bytes).length };
  },
  async "mqtt-packet"() {
    const { default: codec } = await import("mqtt-packet");
    const publish = { cmd: "publish", topic, payload, qos: 0, retain: false, dup: false };
    const parser = codec.parser({ protocolVersion: 4 });
    let count = 0;
    parser.on("packet", () => count++);
    /** @param {Buffer} bytes */
    const decode = (bytes) => {
      count = 0;
      parser.parse(bytes);
      return count;
    };
    return { encode: () => codec.generate(publish, { protocolVersion: 4 }).length, decode };
  },
};

/**
 * Returns the microseconds of one operation: the median of many batches. Each call of `work` does `per` operations.
 *
 * @param {number} per
 * @param {number} expected the return value of `work`
 * @param {() => number} work
 */
function measure(per, expected, work) {
  const samples = [];
  const end = performance.now() + milliseconds;
  while (performance.now() < end) {
    const start = process.hrtime.bigint();
    let done = 0;
    for (let i = 0; i < BATCH; i += per) done += work();
    const calls = Math.ceil(BATCH / per);
    if (done !== calls * expected) throw new Error(`${client}: ${done} instead of ${calls * expected}`);
    samples.push(Number(process.hrtime.bigint() - start) / 1000 / (calls * per));
  }
  const steady = samples.slice(samples.length >> 2).sort((a, b) => a - b);
  return quantile(steady, 0.5);
}

const codec = await codecs[client]();
report({
  encode: measure(1, packet.length, codec.encode),
  decode: measure(perChunk, perChunk, () => codec.decode(chunk)),
  decodeSingle: measure(1, 1, () => codec.decode(packet)),
});
