// The wire vectors, by this codec and by mqtt-packet: how many valid ones come out as the same bytes, how many malformed ones
// are refused. node bench/vectors.js
import { readFileSync } from "node:fs";
import mqttPacket from "mqtt-packet";
import { encode, PacketStream } from "../packages/mqtt/dist/codec/index.js";

const vectors = JSON.parse(readFileSync(new URL("../test/conformance/vectors.json", import.meta.url), "utf8"));
const versions = { 3.1: 3, "3.1.1": 4, "5.0": 5 };

const codecs = {
  "@aiko/mqtt/codec": {
    decode: (bytes, version) => new PacketStream(version).push(bytes)[0],
    encode: (packet, version) => encode(packet, version),
  },
  "mqtt-packet": {
    decode(bytes, version) {
      const parser = mqttPacket.parser({ protocolVersion: version });
      let packet;
      parser.on("packet", (each) => {
        packet = each;
      });
      parser.on("error", (error) => {
        throw error;
      });
      parser.parse(Buffer.from(bytes));
      return packet;
    },
    encode: (packet, version) => mqttPacket.generate(packet, { protocolVersion: version }),
  },
};

for (const [name, codec] of Object.entries(codecs)) {
  const right = vectors.valid.filter(({ hex, version }) => {
    try {
      const packet = codec.decode(Buffer.from(hex, "hex"), versions[version]);
      return packet !== undefined && Buffer.from(codec.encode(packet, versions[version])).toString("hex") === hex;
    } catch {
      return false;
    }
  });
  const malformed = vectors.malformed.filter(({ level }) => level === "codec");
  const refused = malformed.filter(({ hex, version }) => {
    try {
      codec.decode(Buffer.from(hex, "hex"), versions[version]);
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
