// Runs the wire vectors with this codec and with mqtt-packet. Counts the valid vectors that are encoded to the same bytes, and the malformed vectors
// that are refused. node bench/vectors.js
import { readFileSync } from "node:fs";
import { encode, PacketStream } from "@aiko/mqtt/codec";
import mqttPacket from "mqtt-packet";

/**
 * @typedef {3 | 4 | 5} Version
 * @typedef {{ hex: string, version: keyof typeof versions }} Vector
 * @typedef {(bytes: Buffer, version: Version) => (() => Uint8Array) | undefined} Codec decodes a packet and returns a function that encodes it again
 */

/** @type {{ valid: Vector[], malformed: (Vector & { level: string })[] }} */
const vectors = JSON.parse(readFileSync(new URL("../test/conformance/vectors.json", import.meta.url), "utf8"));
const versions = /** @type {const} */ ({ 3.1: 3, "3.1.1": 4, "5.0": 5 });

/** @type {Record<string, Codec>} */
const codecs = {
  "@aiko/mqtt/codec"(bytes, version) {
    const [packet] = new PacketStream(version).push(bytes);
    return packet && (() => encode(packet, version));
  },
  "mqtt-packet"(bytes, version) {
    const parser = mqttPacket.parser({ protocolVersion: version });
    /** @type {(() => Uint8Array)[]} */
    const packets = [];
    parser.on("packet", (packet) => packets.push(() => mqttPacket.generate(packet, { protocolVersion: version })));
    parser.on("error", (error) => {
      throw error;
    });
    parser.parse(Buffer.from(bytes));
    return packets.at(-1);
  },
};

for (const [name, decode] of Object.entries(codecs)) {
  const right = vectors.valid.filter(({ hex, version }) => {
    try {
      const encodeAgain = decode(Buffer.from(hex, "hex"), versions[version]);
      return encodeAgain !== undefined && Buffer.from(encodeAgain()).toString("hex") === hex;
    } catch {
      return false;
    }
  });
  const malformed = vectors.malformed.filter(({ level }) => level === "codec");
  const refused = malformed.filter(({ hex, version }) => {
    try {
      decode(Buffer.from(hex, "hex"), versions[version]);
      return false;
    } catch {
      return true;
    }
  });
  console.log(
    `${name.padEnd(18)} ${right.length} of ${vectors.valid.length} valid vectors come out as the same bytes, ` +
      `${refused.length} of ${malformed.length} malformed ones are refused`,
  );
}
