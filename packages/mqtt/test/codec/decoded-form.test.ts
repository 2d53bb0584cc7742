// The size of a decoded packet, and how early a packet is refused: a peer must not cause much work with few bytes.
import {
  encode,
  type Packet,
  PacketStream,
  type PacketType,
  packetTypeBits,
  ServerPacketStream,
} from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { packetTypes } from "../../src/codec/packets.ts";
import type { PropertyPlace } from "../../src/codec/property-rules.ts";
import { concatenation } from "./decoding.ts";

const REFUSED = { name: "ProtocolError", code: "PACKET_TOO_LARGE", reasonCode: 0x95 };
const MOST_ENTRIES = 65_535;

/** A packet with this first byte, and a header that announces this many bytes. */
function headerOf(first: number, length: number): Uint8Array {
  const bytes = [first];
  for (let left = length; ; left >>>= 7) {
    bytes.push((left & 127) | (left > 127 ? 128 : 0));
    if (left <= 127) return Uint8Array.from(bytes);
  }
}

function whole(first: number, body: Uint8Array): Uint8Array {
  return concatenation([headerOf(first, body.length), body]);
}

const repeated = (unit: readonly number[], count: number): Uint8Array =>
  Uint8Array.from({ length: unit.length * count }, (_, i) => unit[i % unit.length] as number);

const withProperties = (head: readonly number[], properties: Uint8Array): Uint8Array =>
  concatenation([Uint8Array.from(head), headerOf(0, properties.length).subarray(1), properties]);

const firstByteOf = (type: PacketType): number =>
  (packetTypes.indexOf(type) << 4) | (["pubrel", "subscribe", "unsubscribe"].includes(type) ? 2 : 0);
const allTypes = packetTypes.slice(1) as readonly PacketType[];

describe("a packet that is not allowed is refused at its first byte", () => {
  test.each(["connect", "subscribe", "unsubscribe", "pingreq"] as const)("%s, from a server", (type) => {
    expect(() => new ServerPacketStream(5).push(Uint8Array.of(firstByteOf(type)))).toThrow(
      expect.objectContaining({ reasonCode: 0x82, message: `${type}: a server must not send it` }),
    );
  });

  test.each(allTypes)("%s, when others are expected", (type) => {
    const others = allTypes.filter((each) => each !== type);
    const stream = new PacketStream(5, { expected: packetTypeBits(...others) });
    expect(() => stream.push(Uint8Array.of(firstByteOf(type)))).toThrow(
      expect.objectContaining({ reasonCode: 0x82, message: `${type}: not expected now` }),
    );
    const expecting = new PacketStream(5, { expected: packetTypeBits(type) });
    expect(expecting.push(Uint8Array.of(firstByteOf(type)))).toEqual([]);
  });

  test("the expected types are read again for each packet", () => {
    const limits = { expected: packetTypeBits("connack") };
    const stream = new ServerPacketStream(4, limits);
    const connack: Packet = { type: "connack", sessionPresent: false, reasonCode: 0 };
    expect(stream.push(encode(connack, 4))).toHaveLength(1);
    limits.expected = packetTypeBits("pingresp");
    expect(stream.push(encode({ type: "pingresp" }, 4))).toHaveLength(1);
    expect(() => stream.push(encode(connack, 4))).toThrow("connack: not expected now");
  });
});

describe("only PUBLISH may be long", () => {
  test.each(allTypes.filter((type) => type !== "publish"))("%s of more than 4 MiB is refused at its header", (type) => {
    const longest = new PacketStream(5);
    expect(longest.push(headerOf(firstByteOf(type), 4_194_304 - 5))).toEqual([]);
    expect(() => new PacketStream(5).push(headerOf(firstByteOf(type), 4_194_304 - 4))).toThrow(
      expect.objectContaining(REFUSED),
    );
  });

  test("a lower maximum packet size applies to all packets", () => {
    const limits = { maximumPacketSize: 100 };
    for (const type of allTypes)
      expect(() => new PacketStream(5, limits).push(headerOf(firstByteOf(type), 99))).toThrow(
        expect.objectContaining(REFUSED),
      );
  });

  test("a SUBSCRIBE that a receiver would refuse is not encoded", () => {
    const topicFilter = "a".repeat(65_535);
    const subscriptions = Array.from({ length: 65 }, () => ({ topicFilter, qos: 0 as const }));
    expect(() => encode({ type: "subscribe", packetIdentifier: 1, subscriptions }, 5)).toThrow(
      expect.objectContaining({ code: "PACKET_INVALID", message: expect.stringContaining("the limit is 4194304") }),
    );
  });
});

describe("the properties of a packet", () => {
  const places: readonly (readonly [PropertyPlace, number, readonly number[]])[] = [
    ["connack", 0x20, [0, 0]],
    ["publish", 0x30, [0, 1, 0x61]],
    ["puback", 0x40, [0, 1, 0]],
    ["subscribe", 0x82, [0, 1]],
    ["suback", 0x90, [0, 1]],
    ["disconnect", 0xe0, [0]],
    ["auth", 0xf0, [0x18]],
  ];

  test.each(places)("of %s take at most 1 MiB", (_, first, head) => {
    const pair = [0x26, 0, 11, ...new Array(11).fill(0x61), 0, 0];
    const properties = repeated(pair, 1_048_576 / pair.length + 1);
    expect(properties.length).toBeGreaterThan(1_048_576);
    expect(() => new PacketStream(5).push(whole(first, withProperties(head, properties)))).toThrow(
      expect.objectContaining(REFUSED),
    );
  });

  test.each([
    ["user properties", [0x26, 0, 0, 0, 0], 0],
    ["subscription identifiers", [0x0b, 1], 0],
  ])("hold at most 65,535 %s", (_, unit) => {
    const make = (count: number) => whole(0x30, withProperties([0, 1, 0x61], repeated(unit, count)));
    expect(new PacketStream(5).push(make(MOST_ENTRIES))).toHaveLength(1);
    expect(() => new PacketStream(5).push(make(MOST_ENTRIES + 1))).toThrow(expect.objectContaining(REFUSED));
  });

  test("that a receiver would refuse are not encoded", () => {
    const publish = {
      type: "publish",
      topic: "a",
      payload: new Uint8Array(),
      qos: 0,
      retain: false,
      dup: false,
    } as const;
    const many = { userProperties: Array.from({ length: MOST_ENTRIES + 1 }, () => ["", ""] as const) };
    const long = { userProperties: Array.from({ length: 20 }, () => ["a".repeat(60_000), ""] as const) };
    for (const properties of [many, long])
      expect(() => encode({ ...publish, packetIdentifier: 0, properties }, 5)).toThrow(
        expect.objectContaining({ code: "PROPERTY_INVALID" }),
      );
  });
});

describe("a list holds at most 65,535 entries", () => {
  test.each([
    ["reason codes of SUBACK", 0x90, [0, 1, 0], [0]],
    ["reason codes of UNSUBACK", 0xb0, [0, 1, 0], [0]],
    ["topic filters of SUBSCRIBE", 0x82, [0, 1, 0], [0, 1, 0x61, 0]],
    ["topic filters of UNSUBSCRIBE", 0xa2, [0, 1, 0], [0, 1, 0x61]],
  ])("%s", (_, first, head, unit) => {
    const make = (count: number) => whole(first, concatenation([Uint8Array.from(head), repeated(unit, count)]));
    const [packet] = new PacketStream(5).push(make(MOST_ENTRIES));
    expect(packet).toBeDefined();
    expect(() => new PacketStream(5).push(make(MOST_ENTRIES + 1))).toThrow(expect.objectContaining(REFUSED));
    expect(encode(packet as Packet, 5)).toEqual(make(MOST_ENTRIES));
  });

  test("longer ones are not encoded", () => {
    const topicFilters = Array.from({ length: MOST_ENTRIES + 1 }, () => "a");
    expect(() => encode({ type: "unsubscribe", packetIdentifier: 1, topicFilters }, 5)).toThrow(
      expect.objectContaining({ code: "PACKET_INVALID" }),
    );
  });
});
