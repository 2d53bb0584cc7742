import { UsageError } from "@aiko/mqtt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeFrame, encodeFrame } from "../../../src/sn/codec/frame.ts";
import type { SnPacket } from "../../../src/sn/packets.ts";
import { anyEncapsulation, anyPacket, packetTypes } from "./any-packet.ts";
import { fromHex, malformed, vectors } from "./vectors.ts";

describe("vectors of the specification", () => {
  test.each(vectors)("%s is decoded", (hex, packet) => {
    expect(decodeFrame(fromHex(hex))).toEqual({ packet });
  });

  test.each(vectors)("%s is encoded", (hex, packet) => {
    expect(Buffer.from(encodeFrame(packet)).toString("hex")).toBe(hex.replaceAll(" ", ""));
  });

  test("there is one for each type of message", () => {
    expect([...new Set(vectors.map(([, { type }]) => type))].sort()).toEqual([...packetTypes].sort());
  });
});

describe("what is not a message", () => {
  test.each(malformed)("%s is refused", (_, hex, reason) => {
    const decoded = decodeFrame(fromHex(hex));
    expect(decoded.packet).toBeUndefined();
    expect(decoded.malformed).toMatch(reason);
  });

  test("the reason comes with the octet of the type", () => {
    expect(decodeFrame(fromHex("05 19 00 00 00"))).toMatchObject({ messageType: 0x19 });
    expect(decodeFrame(fromHex("03 17"))).toMatchObject({ messageType: 0x17 });
    expect(decodeFrame(fromHex("02"))).not.toHaveProperty("messageType");
  });

  test("a name that is not UTF-8 comes with the message identifier, so that it can be answered", () => {
    expect(decodeFrame(fromHex("07 0a 00 00 12 34 c3"))).toMatchObject({ messageType: 0x0a, messageId: 0x1234 });
    expect(decodeFrame(fromHex("06 12 00 12 34 c3"))).toMatchObject({ messageType: 0x12, messageId: 0x1234 });
  });

  test("it comes with the encapsulation, so that the forwarder is known", () => {
    expect(decodeFrame(fromHex("05 fe 01 0a 0b 02 19"))).toMatchObject({
      malformed: expect.stringContaining("0x19"),
      encapsulation: { wirelessNodeId: Uint8Array.of(10, 11), radius: 1 },
    });
  });
});

describe("what a receiver must accept", () => {
  test("a 3-octet length of a short message", () => {
    expect(decodeFrame(fromHex("01 00 04 17"))).toEqual({ packet: { type: "pingresp" } });
    expect(decodeFrame(fromHex("01 00 06 0f 00 07"))).toEqual({ packet: { type: "pubrec", messageId: 7 } });
  });

  test("flags that the message does not use", () => {
    const decoded = decodeFrame(fromHex("07 04 ff 01 00 3c 61"));
    expect(decoded.packet).toMatchObject({ type: "connect", will: true, cleanSession: true, clientId: "a" });
  });

  test("reserved bits in the control octet of a forwarder", () => {
    expect(decodeFrame(fromHex("04 fe fe 01 02 17")).encapsulation?.radius).toBe(2);
  });

  test("an encapsulation with an address of 252 octets, and a long message in it", () => {
    const encapsulation = { wirelessNodeId: new Uint8Array(252).fill(5), radius: 3 };
    const packet: SnPacket = { type: "willmsg", message: new Uint8Array(65_531).fill(1) };
    const bytes = encodeFrame(packet, encapsulation);
    expect([...bytes.subarray(0, 3), ...bytes.subarray(255, 260)]).toEqual([255, 0xfe, 3, 1, 0xff, 0xff, 0x09, 1]);
    expect(decodeFrame(bytes)).toEqual({ packet, encapsulation });
  });
});

test("the length has three octets from 256 octets on", () => {
  const sized = (size: number) => encodeFrame({ type: "willmsg", message: new Uint8Array(size) });
  expect([...sized(253).subarray(0, 2), sized(253).length]).toEqual([255, 0x09, 255]);
  expect([...sized(254).subarray(0, 4), sized(254).length]).toEqual([1, 1, 2, 0x09, 258]);
});

test("a packet does not share memory with the bytes of its datagram", () => {
  const bytes = Buffer.from(fromHex("04 09 61 62"));
  const { packet } = decodeFrame(bytes);
  bytes.fill(0);
  expect(packet).toEqual({ type: "willmsg", message: Uint8Array.of(0x61, 0x62) });
});

describe("what does not fit is refused with its name", () => {
  const publish = {
    type: "publish",
    dup: false,
    qos: 0,
    retain: false,
    messageId: 0,
    data: new Uint8Array(0),
  } as const;
  test.each<[string, unknown, string]>([
    ["a type", { type: "auth" }, 'type "auth"'],
    ["a number", { type: "connack", returnCode: 256 }, "connack: returnCode 256: must be an integer from 0 to 255"],
    ["a part of a number", { type: "pubrec", messageId: 1.5 }, "messageId 1.5"],
    ["a missing number", { type: "pubrec" }, "messageId undefined"],
    ["a duration", { type: "disconnect", duration: 65_536 }, "duration 65536"],
    ["a topic identifier", { ...publish, topic: { kind: "normal", id: 0 } }, "topic.id 0: must be an integer from 1"],
    ["FFFF", { type: "register", topicId: 0xffff, messageId: 1, topicName: "a" }, "topicId 65535"],
    ["a kind of topic", { ...publish, topic: { kind: "long", id: 1 } }, 'topic.kind "long"'],
    ["a missing topic", publish, "topic.kind undefined"],
    ["a short name", { ...publish, topic: { kind: "short", name: "abc" } }, 'topic.name "abc": has 3 octets'],
    ["a QoS", { ...publish, qos: 3, topic: { kind: "short", name: "ab" } }, "qos 3: must be an integer from -1 to 2"],
    [
      "QoS -1 of a subscription",
      { type: "subscribe", dup: false, qos: -1, messageId: 1, topic: { kind: "normal", name: "a" } },
      "qos -1: must be an integer from 0 to 2",
    ],
    ["a flag", { ...publish, dup: 1, topic: { kind: "short", name: "ab" } }, "dup 1: must be true or false"],
    ["data", { type: "willmsg", message: "gone" }, 'message "gone": must be a Uint8Array'],
    ["text", { type: "register", topicId: 0, messageId: 1, topicName: "\ud800" }, "lone surrogates"],
    ["an empty identifier", { type: "pingreq", clientId: "" }, "must not be empty; leave it out"],
    ["an empty topic of a will", { type: "willtopic", will: { topic: "", qos: 0, retain: false } }, "will.topic"],
    ["a message that is too long", { type: "willmsg", message: new Uint8Array(65_532) }, "the limit is 65535"],
  ])("%s", (_, packet, message) => {
    const encode = () => encodeFrame(packet as SnPacket);
    expect(encode).toThrow(UsageError);
    expect(encode).toThrow(message);
  });

  test.each([
    [0, 0, "length of wirelessNodeId 0"],
    [253, 0, "length of wirelessNodeId 253"],
    [1, 4, "radius 4"],
  ])("an encapsulation with %d octets and the radius %d", (length, radius, message) => {
    const encapsulation = { wirelessNodeId: new Uint8Array(length), radius };
    expect(() => encodeFrame({ type: "pingresp" }, encapsulation)).toThrow(message);
  });
});

describe("any message", () => {
  test("is decoded as it was encoded, with and without a forwarder", () => {
    fc.assert(
      fc.property(anyPacket, fc.option(anyEncapsulation, { nil: undefined }), (packet, encapsulation) => {
        const decoded = decodeFrame(encodeFrame(packet, encapsulation));
        expect(decoded).toEqual(encapsulation === undefined ? { packet } : { packet, encapsulation });
      }),
      { numRuns: 2000 },
    );
  });

  test("is refused with a reason if it is cut or continued anywhere", () => {
    fc.assert(
      fc.property(anyPacket, fc.nat(), fc.nat(255), (packet, at, octet) => {
        const bytes = encodeFrame(packet);
        expect(decodeFrame(bytes.subarray(0, at % bytes.length)).malformed).toBeTypeOf("string");
        expect(decodeFrame(Uint8Array.of(...bytes, octet)).malformed).toBeTypeOf("string");
      }),
      { numRuns: 1000 },
    );
  });

  test("with one octet changed is refused with a reason, or is a message that can be encoded again", () => {
    fc.assert(
      fc.property(anyPacket, fc.nat(), fc.nat(255), (packet, at, octet) => {
        const bytes = encodeFrame(packet);
        bytes[at % bytes.length] = octet;
        assertDecoded(bytes);
      }),
      { numRuns: 3000 },
    );
  });
});

test("any octets are refused with a reason, or are a message that can be encoded again", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), assertDecoded), { numRuns: 3000 });
});

function assertDecoded(bytes: Uint8Array): void {
  const decoded = decodeFrame(bytes);
  if (decoded.packet === undefined) {
    expect(decoded.malformed).toMatch(/./);
  } else {
    expect(decodeFrame(encodeFrame(decoded.packet, decoded.encapsulation))).toEqual(decoded);
  }
}
