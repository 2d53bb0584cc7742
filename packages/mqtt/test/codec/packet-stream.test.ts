import { encode, type Packet, PacketStream } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { copiedBytes } from "./copied-bytes.ts";
import { byteByByte, concatenation, decodeChunks, decodeOne, faultOf } from "./decoding.ts";
import { fromHex, toHex } from "./vectors.ts";

const pingreq = fromHex("c000");
const connect4 = fromHex("100e 0004 4d515454 04 02 003c 0002 6331");
const connect5 = fromHex("100f 0004 4d515454 05 02 003c 00 0002 6331");
const connect3 = fromHex("1010 0006 4d5149736470 03 02 003c 0002 6331");
const reservedType = fromHex("0000");

function publishOf(payload: Uint8Array): Uint8Array {
  const common = { type: "publish", topic: "t", retain: false, dup: false, packetIdentifier: 0, qos: 0 } as const;
  return encode({ ...common, payload }, 4);
}

function payloadOf(packet: Packet | undefined): Uint8Array {
  if (packet?.type !== "publish") throw new Error(`expected a publish, got ${packet?.type}`);
  return packet.payload;
}

describe("a remaining length", () => {
  test.each([
    ["a fifth byte", "c0 80 80 80 80 01", "fifth byte"],
    ["a fifth byte that is 0xff", "30 ff ff ff ff 7f", "fifth byte"],
    ["0 in two bytes", "c0 80 00", "fewest bytes"],
    ["127 in two bytes", "30 ff 00", "fewest bytes"],
    ["0 in four bytes", "c0 80 80 80 00", "fewest bytes"],
  ])("of %s is refused", (_, hex, rule) => {
    const { reasonCode, message } = faultOf(4, [fromHex(hex)]);
    expect(reasonCode).toBe(0x81);
    expect(message).toContain(rule);
  });

  test("of five bytes is refused at the fourth, without waiting for the fifth", () => {
    expect(faultOf(4, byteByByte(fromHex("30 80 80 80 80"))).reasonCode).toBe(0x81);
  });

  test.each([0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152])("of about %i is read correctly", (length) => {
    const payload = new Uint8Array(length).fill(0x61);
    expect(payloadOf(decodeOne(4, publishOf(payload))).length).toBe(length);
  });
});

describe("the maximum packet size", () => {
  const limits = { maximumPacketSize: 100 };

  test("refuses a packet at its header, before any of its body", () => {
    const { code, reasonCode, message } = faultOf(5, [fromHex("30 63")], limits);
    expect({ code, reasonCode }).toEqual({ code: "PACKET_TOO_LARGE", reasonCode: 0x95 });
    expect(message).toContain("101");
    expect(message).toContain("100");
  });

  test("accepts a packet of exactly that size", () => {
    expect(payloadOf(decodeOne(4, publishOf(new Uint8Array(95)), limits)).length).toBe(95);
  });

  test("is read again for each packet", () => {
    const changing = { maximumPacketSize: 20 };
    const stream = new PacketStream(4, changing);
    expect(stream.push(publishOf(new Uint8Array(15)))).toHaveLength(1);
    changing.maximumPacketSize = 10;
    expect(() => stream.push(publishOf(new Uint8Array(15)))).toThrow("the limit is 10");
  });
});

describe("memory", () => {
  test("is not allocated because of a length alone", () => {
    const stream = new PacketStream(5);
    const before = process.memoryUsage().arrayBuffers;
    stream.push(fromHex("30 ff ff ff 7f 00 01 61 00 00 00 00 00 00 00"));
    for (let i = 0; i < 1024; i += 64) expect(stream.push(new Uint8Array(64))).toEqual([]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
  });

  test("of a packet in pieces is finally one buffer of its size", () => {
    const bytes = publishOf(new Uint8Array(100_000));
    const [packet] = decodeChunks(4, [bytes.subarray(0, 99_000), bytes.subarray(99_000)]);
    expect(payloadOf(packet).buffer.byteLength).toBe(bytes.length);
  });

  test("of a chunk with whole packets is used, not copied", () => {
    const chunk = concatenation([publishOf(new Uint8Array(65)), pingreq, publishOf(new Uint8Array(70))]);
    const stream = new PacketStream(4);
    const packets: Packet[] = [];
    expect(copiedBytes(() => packets.push(...stream.push(chunk)))).toBe(0);
    expect(payloadOf(packets[0]).buffer).toBe(chunk.buffer);
    expect(payloadOf(packets[2]).buffer).toBe(chunk.buffer);
  });

  test.each([1, 20, 64, 65, 1_000, 8_000])(
    "of long messages does not include messages of %i bytes between them",
    (length) => {
      const pair = concatenation([publishOf(new Uint8Array(70_000)), publishOf(new Uint8Array(length).fill(7))]);
      const chunks = Array.from({ length: 20 }, () => pair.slice()).flatMap((each) => [
        each.subarray(0, 40_000),
        each.subarray(40_000),
      ]);
      const short = decodeChunks(4, chunks)
        .map(payloadOf)
        .filter((payload) => payload.length === length);
      expect(short).toHaveLength(20);
      for (const payload of short) {
        expect(payload.buffer.byteLength).toBe(length);
        expect(new Set(payload)).toEqual(new Set([7]));
      }
    },
  );

  test("is copied for at most one message in 64 KiB", () => {
    const chunk = concatenation(Array.from({ length: 1_000 }, () => publishOf(new Uint8Array(100))));
    const stream = new PacketStream(4);
    expect(copiedBytes(() => void stream.push(chunk))).toBeLessThanOrEqual(200);
  });

  test("is not overwritten after packets were returned from it", () => {
    const first = publishOf(new Uint8Array(50).fill(1));
    const second = publishOf(new Uint8Array(50).fill(2));
    const third = publishOf(new Uint8Array(50).fill(3));
    const whole = concatenation([first, second, third]);
    const packets = decodeChunks(4, [whole.subarray(0, 30), whole.subarray(30, 80), ...byteByByte(whole.subarray(80))]);
    expect(packets.map((packet) => toHex(payloadOf(packet).subarray(0, 3)))).toEqual(["010101", "020202", "030303"]);
    expect(packets.map((packet) => new Set(payloadOf(packet)).size)).toEqual([1, 1, 1]);
  });

  test("does not grow after an invalid packet", () => {
    const stream = new PacketStream(4);
    expect(() => stream.push(reservedType)).toThrow();
    const chunk = new Uint8Array(1000);
    const pushOn = () => {
      for (let i = 0; i < 1000; i++) expect(() => stream.push(chunk)).toThrow("packet type 0");
    };
    expect(copiedBytes(pushOn)).toBe(0);
  });
});

test("a packet that arrives byte by byte takes time in proportion to its length", () => {
  const work = (size: number): number => {
    const bytes = publishOf(new Uint8Array(size));
    const stream = new PacketStream(4);
    let packets = 0;
    const copied = copiedBytes(() => {
      for (const byte of byteByByte(bytes)) packets += stream.push(byte).length;
    });
    expect(packets).toBe(1);
    return copied;
  };
  const quarter = work(256 * 1024);
  const whole = work(1024 * 1024);
  expect(whole / quarter).toBeLessThan(8);
  expect(whole).toBeLessThan(4 * 1024 * 1024);
});

describe("an error", () => {
  test("after valid packets of the same chunk is thrown at the next call", () => {
    const stream = new PacketStream(4);
    expect(stream.push(concatenation([pingreq, pingreq, reservedType]))).toEqual([
      { type: "pingreq" },
      { type: "pingreq" },
    ]);
    expect(() => stream.push(new Uint8Array())).toThrow("packet type 0 is reserved");
  });

  test("is final: the stream throws the same error for any further bytes", () => {
    const stream = new PacketStream(4);
    const errors = [reservedType, pingreq, new Uint8Array()].map((bytes) => {
      try {
        return stream.push(bytes);
      } catch (error) {
        return error;
      }
    });
    expect(errors[0]).toBeInstanceOf(Error);
    expect(errors[1]).toBe(errors[0]);
    expect(errors[2]).toBe(errors[0]);
  });

  test("in the packet type is found in the first byte", () => {
    expect(faultOf(4, [fromHex("00")]).reasonCode).toBe(0x81);
    expect(faultOf(4, [fromHex("f0")]).reasonCode).toBe(0x81);
    expect(faultOf(4, [fromHex("f0 ff")]).reasonCode).toBe(0x81);
    expect(decodeChunks(5, [fromHex("f0 ff")])).toEqual([]);
  });
});

test("next returns one packet at a time from the appended bytes", () => {
  const stream = new PacketStream(4);
  stream.append(concatenation([pingreq, pingreq, pingreq.subarray(0, 1)]));
  expect(stream.next()).toEqual({ type: "pingreq" });
  expect(stream.next()).toEqual({ type: "pingreq" });
  expect(stream.next()).toBeUndefined();
  stream.append(pingreq.subarray(1));
  expect(stream.next()).toEqual({ type: "pingreq" });
  expect(stream.next()).toBeUndefined();
});

test("empty chunks have no effect", () => {
  const empty = new Uint8Array();
  expect(decodeChunks(4, [empty, pingreq.subarray(0, 1), empty, empty, pingreq.subarray(1), empty])).toEqual([
    { type: "pingreq" },
  ]);
});

test("a Buffer produces packets with plain byte arrays, and small payloads are copies", () => {
  const bytes = Buffer.from(
    "1019 0004 4d515454 04 c6 003c 0001 61 0001 77 0001 31 0001 75 0001 70".replaceAll(" ", ""),
    "hex",
  );
  const packet = decodeOne("any", bytes);
  if (packet.type !== "connect" || packet.will === undefined) throw new Error("expected a connect with a will");
  bytes.fill(0);
  expect(packet.password).toEqual(Uint8Array.of(0x70));
  expect(packet.will.payload).toEqual(Uint8Array.of(0x31));
  const publish = payloadOf(decodeOne(4, Buffer.from(publishOf(fromHex("6162")))));
  expect(publish.constructor).toBe(Uint8Array);
  expect(publish).toEqual(fromHex("6162"));
});

describe("version any", () => {
  test.each([
    [3, connect3],
    [4, connect4],
    [5, connect5],
  ] as const)("becomes %i by CONNECT", (version, bytes) => {
    const stream = new PacketStream("any");
    expect(stream.version).toBe("any");
    const [packet] = stream.push(bytes);
    expect(packet).toMatchObject({ type: "connect", protocolVersion: version, clientId: "c1" });
    expect(stream.version).toBe(version);
  });

  test("applies from the next packet on, in the same chunk", () => {
    const ping = decodeChunks("any", [concatenation([connect4, fromHex("4002 0001")])])[1];
    expect(ping).toEqual({ type: "puback", packetIdentifier: 1, reasonCode: 0, properties: undefined });
    expect(faultOf("any", [concatenation([connect4, fromHex("f000")]), new Uint8Array()]).reasonCode).toBe(0x81);
    expect(decodeChunks("any", [concatenation([connect5, fromHex("f000")])])).toHaveLength(2);
  });

  test("accepts only CONNECT as the first packet, and refuses others at their first byte", () => {
    for (let type = 2; type < 16; type++) {
      expect(faultOf("any", [Uint8Array.of(type << 4)]).reasonCode, `type ${type}`).toBe(0x82);
    }
  });

  test("passes a second CONNECT of the same version on to the session, and refuses one of another version", () => {
    expect(decodeChunks("any", [concatenation([connect4, connect4])])).toHaveLength(2);
    const fault = faultOf("any", [concatenation([connect4, connect5]), new Uint8Array()]);
    expect(fault).toMatchObject({ code: "UNSUPPORTED_PROTOCOL_VERSION", reasonCode: 0x84 });
    expect(fault.message).toMatch(/version 5 .* version 4/);
  });
});
