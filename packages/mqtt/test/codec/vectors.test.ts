import { encode, PacketStream } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { byteByByte, concatenation, decodeChunks, decodeOne, faultOf, type Version } from "./decoding.ts";
import { comparable, fromNeutral } from "./neutral-packet.ts";
import { fromHex, malformedVectors, toHex, validVectors } from "./vectors.ts";

// A server does not know the version before it receives CONNECT.
const versionsFor = (vector: { version: Version; bytes: Uint8Array }): Version[] =>
  vector.bytes[0] === 0x10 ? [vector.version, "any"] : [vector.version];

const pingreq = fromHex("c000");

test("there are vectors of every kind", () => {
  expect(validVectors.length).toBeGreaterThan(100);
  expect(malformedVectors.length).toBeGreaterThan(130);
});

describe.each(validVectors)("$id", ({ version, bytes, decoded, ...rest }) => {
  const versions = versionsFor({ version, bytes, ...rest });

  test("decodes to the packet that it stands for", () => {
    for (const each of versions) expect(comparable(decodeOne(each, bytes))).toEqual(fromNeutral(decoded));
  });

  test("encodes to the same bytes", () => {
    expect(toHex(encode(decodeOne(version, bytes), version))).toBe(toHex(bytes));
  });

  test("decodes byte by byte", () => {
    for (const each of versions) {
      const packets = decodeChunks(each, byteByByte(bytes));
      expect(packets.map(comparable)).toEqual([fromNeutral(decoded)]);
    }
  });

  test("decodes from two parts, split at any place", () => {
    for (let cut = 1; cut < bytes.length; cut++) {
      const stream = new PacketStream(version);
      const early = stream.push(bytes.subarray(0, cut));
      const [packet, ...more] = stream.push(bytes.subarray(cut));
      // Compares bytes, because a deep comparison for each of 16,384 positions would take most of the suite's time.
      const same = packet !== undefined && Buffer.compare(encode(packet, version), bytes) === 0;
      if (early.length > 0 || more.length > 0 || !same) expect.fail(`cut at ${cut}`);
    }
  });

  test("does not affect the packet behind it, whole or split", () => {
    const followed = concatenation([bytes, pingreq]);
    expect(decodeChunks(version, [followed]).map(comparable)).toEqual([fromNeutral(decoded), { type: "pingreq" }]);
    const stream = new PacketStream(version);
    expect(stream.push(followed.subarray(0, -1)).map(comparable)).toEqual([fromNeutral(decoded)]);
    expect(stream.push(followed.subarray(-1))).toEqual([{ type: "pingreq" }]);
  });
});

const CONNACK_REFUSALS = { 1: 0x84, 2: 0x85 } as Record<number, number>;

describe.each(malformedVectors.filter(({ level }) => level === "codec"))("$id: $why", (vector) => {
  const { bytes, reasonCodes, connackReturnCode } = vector;

  test.each(versionsFor(vector))("is refused by a stream of version %s", (version) => {
    for (const chunks of [[bytes], byteByByte(bytes), [concatenation([bytes, pingreq])]]) {
      const { reasonCode, message } = faultOf(version, chunks);
      expect(message).not.toBe("");
      if (reasonCodes.length > 0) expect(reasonCode, message).toBe(reasonCodes[0]);
      if (connackReturnCode !== undefined) expect(reasonCode).toBe(CONNACK_REFUSALS[connackReturnCode]);
    }
  });
});

test.each(malformedVectors.filter(({ level }) => level === "role"))(
  "$id is left to the session, which knows the sender's role",
  (vector) => {
    expect(toHex(encode(decodeOne(vector.version, vector.bytes), vector.version))).toBe(toHex(vector.bytes));
  },
);
