import { encode, type Packet } from "@aiko/mqtt/codec";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arbitraryPacket } from "../codec/arbitrary-packets.ts";
import { byteByByte, concatenation, cutAt } from "../codec/decoding.ts";
import { comparable, fromNeutral } from "../codec/neutral-packet.ts";
import { fromHex, malformedVectors, toHex, validVectors } from "../codec/vectors.ts";
import { message } from "./bench.ts";
import { isForSmallClients, readChunks, readerFor, readFault, type SmallVersion } from "./reading.ts";

const pingresp = fromHex("d000");
const valid = validVectors.filter(isForSmallClients);
const malformed = malformedVectors.filter(isForSmallClients);

/**
 * Why the small client refuses something that the specification allows, and with which code; undefined if it accepts
 * it.
 */
function refusalOf(bytes: Uint8Array, packet: object): { reasonCode: number; words: string } | undefined {
  const type = (bytes[0] as number) >> 4;
  // A server may not send AUTH to a client that did not request authentication; this reader treats it like the types
  // that only clients send.
  if (type === 15) return { reasonCode: 0x81, words: "packet type 15" };
  const { properties = {} } = packet as { properties?: object };
  if ("topicAlias" in properties) return { reasonCode: 0x94, words: "topicAlias" };
  if ("authenticationMethod" in properties || "authenticationData" in properties)
    return { reasonCode: 0x82, words: "authentication" };
  return undefined;
}

const meant = (vector: (typeof valid)[number]) => fromNeutral(vector.decoded) as object;
const taken = valid.filter((vector) => refusalOf(vector.bytes, meant(vector)) === undefined);
const refused = valid.filter((vector) => refusalOf(vector.bytes, meant(vector)) !== undefined);

test("there are vectors of every kind", () => {
  expect(taken.length).toBeGreaterThan(50);
  expect(refused.length).toBeGreaterThan(4);
  expect(malformed.length).toBeGreaterThan(65);
  expect(new Set(taken.map(({ decoded }) => decoded.type)).size).toBe(9); // all except UNSUBACK, which has none
});

describe.each(taken)("$id", (vector) => {
  const { version, bytes } = vector;
  const packet = meant(vector);
  const read = (chunks: Iterable<Uint8Array>) => readChunks(version, chunks).map((each) => comparable(each));

  test("is read as the packet that it stands for, whole and byte by byte", () => {
    expect(read([bytes])).toEqual([packet]);
    expect(read(byteByByte(bytes))).toEqual([packet]);
  });

  test("is read from two parts, split at any place", () => {
    const whole = toHex(encode(readChunks(version, [bytes])[0] as Packet, version));
    for (let cut = 1; cut < bytes.length; cut++) {
      const reader = readerFor(version, bytes);
      reader.append(bytes.subarray(0, cut));
      const early = reader.next();
      reader.append(bytes.subarray(cut));
      const late = reader.next();
      // Compares bytes, because a deep comparison for each of 16,384 positions would take most of the suite's time.
      const same = late !== undefined && toHex(encode(late, version)) === whole;
      if (early !== undefined || reader.next() !== undefined || !same) expect.fail(`cut at ${cut}`);
    }
  });

  test("does not affect the packet behind it, whole or split", () => {
    const followed = concatenation([bytes, pingresp]);
    for (const chunks of [[followed], [followed.subarray(0, -1), followed.subarray(-1)], byteByByte(followed)])
      expect(read(chunks)).toEqual([packet, { type: "pingresp" }]);
  });
});

test.each(refused)("$id is refused: the small client never requests such a packet", (vector) => {
  const { version, bytes } = vector;
  const { reasonCode, words } = refusalOf(bytes, meant(vector)) as { reasonCode: number; words: string };
  for (const chunks of [[bytes], byteByByte(bytes), [concatenation([bytes, pingresp])]]) {
    const fault = readFault(version, chunks);
    expect(fault.reasonCode).toBe(reasonCode);
    expect(fault.message).toContain(words);
  }
});

test.each([
  [1, "CONNECT"],
  [8, "SUBSCRIBE"],
  [10, "UNSUBSCRIBE"],
  [12, "PINGREQ"],
])("packet type %i is refused at its first byte: only clients send %s", (type) => {
  for (const version of [4, 5] as const)
    for (const flags of [0, 2]) {
      const { reasonCode, message } = readFault(version, [Uint8Array.of((type << 4) | flags)]);
      expect(reasonCode).toBe(0x81);
      expect(message).toContain(`packet type ${type}`);
    }
});

/**
 * All of these are PINGREQ or AUTH with a further defect, and are refused for their type before the defect is found.
 */
const refusedForType: Readonly<Record<string, number>> = {
  "bad-3.1.1-remlen-5-bytes": 12,
  "bad-5.0-remlen-5-bytes": 12,
  "bad-5.0-remlen-overlong": 12,
  "bad-5.0-auth-flags": 15,
  "bad-5.0-auth-method-twice": 15,
};

describe.each(malformed.filter(({ level }) => level === "codec"))(
  "$id: $why",
  ({ id, version, bytes, reasonCodes }) => {
    const type = refusedForType[id];

    test(type === undefined ? "is refused" : `is refused, as packet type ${type}`, () => {
      for (const chunks of [[bytes], byteByByte(bytes), [concatenation([bytes, pingresp])]]) {
        const { reasonCode, message } = readFault(version, chunks);
        expect(message).not.toBe("");
        if (type !== undefined)
          expect({ reasonCode, message }).toEqual({ reasonCode: 0x81, message: `: packet type ${type}` });
        else if (reasonCodes.length > 0) expect(reasonCode, message).toBe(reasonCodes[0]);
      }
    });
  },
);

// The defects that those vectors hide behind a type that no server sends, here with a type that servers send.
test.each([
  ["a fifth byte", "d0 80 80 80 80 01"],
  ["a fifth byte that is 0xff", "30 ff ff ff ff 7f"],
  ["0 in two bytes", "d0 80 00"],
  ["127 in two bytes", "30 ff 00"],
  ["0 in four bytes", "d0 80 80 80 00"],
])("a remaining length of %s is refused", (_, hex) => {
  for (const version of [4, 5] as const)
    for (const chunks of [[fromHex(hex)], byteByByte(fromHex(hex))])
      expect(readFault(version, chunks)).toMatchObject({
        reasonCode: 0x81,
        message: expect.stringContaining("ill-formed"),
      });
});

test("a remaining length of five bytes is refused at the fourth, without waiting for the fifth", () => {
  expect(readFault(5, byteByByte(fromHex("30 80 80 80 80"))).reasonCode).toBe(0x81);
  expect(readChunks(5, byteByByte(fromHex("30 80 80 80")))).toEqual([]);
});

test.each(malformed.filter(({ level }) => level === "role"))(
  "$id is left to the session, which checks it",
  ({ version, bytes }) => {
    expect(readChunks(version, [bytes])).toHaveLength(1);
  },
);

/** The part of a packet that the small client's server may send, as it was encoded; undefined for other packets. */
function asServerPacket(packet: Packet): object | undefined {
  if (/^(connect|subscribe|unsubscribe|pingreq|auth)$/.test(packet.type)) return undefined;
  return comparable(packet) as object;
}

test.each([4, 5] as const)(
  "on version %i, any packet in any pieces is read as it was written, or refused",
  (version) => {
    const counts = { taken: 0, refused: 0 };
    const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 6 });
    fc.assert(
      fc.property(arbitraryPacket(version), cuts, (packet, places) => {
        const expected = asServerPacket(packet);
        const bytes = encode(packet, version);
        const pieces = cutAt(
          bytes,
          places.map((place) => place % bytes.length),
        );
        const refusal = expected === undefined ? { reasonCode: 0x81 } : refusalOf(bytes, expected);
        if (refusal === undefined) {
          expect(readChunks(version, pieces).map((each) => comparable(each))).toEqual([expected]);
          counts.taken++;
        } else if (packet.type === "connack" || packet.type === "publish") {
          // If it did not request several things, it names the first.
          expect([0x82, 0x94]).toContain(readFault(version, pieces).reasonCode);
          counts.refused++;
        } else {
          expect(readFault(version, pieces).reasonCode).toBe(refusal.reasonCode);
        }
      }),
      { numRuns: 2000 },
    );
    expect(counts.taken).toBeGreaterThan(500);
    if (version === 5) expect(counts.refused).toBeGreaterThan(20);
  },
);

describe("the maximum packet size", () => {
  const publish = (version: SmallVersion, size: number) => encode(message("t", "x".repeat(size)), version);

  test("refuses a packet at its header, before any of its body", () => {
    const fault = readFault(5, [fromHex("30 63")], 100);
    expect(fault).toMatchObject({ code: "PACKET_TOO_LARGE", reasonCode: 0x95 });
    expect(fault.message).toMatch(/101.*100/);
  });

  test("accepts a packet of exactly that size, and refuses one byte more", () => {
    expect(readChunks(4, [publish(4, 95)], 100)).toHaveLength(1);
    expect(readFault(4, [publish(4, 96)], 100).reasonCode).toBe(0x95);
    expect(readChunks(4, byteByByte(fromHex("d000")), 2)).toEqual([{ type: "pingresp" }]);
  });
});

test("packets before an invalid one are returned first", () => {
  const reader = readerFor(5, pingresp);
  reader.append(concatenation([pingresp, pingresp, fromHex("00")]));
  expect(reader.next()).toEqual({ type: "pingresp" });
  expect(reader.next()).toEqual({ type: "pingresp" });
  expect(() => reader.next()).toThrow("packet type 0");
});

test("a packet owns its content: later bytes, and changes of the input array, have no effect", () => {
  const properties = { correlationData: Uint8Array.of(4, 5) };
  const whole = Buffer.concat([encode({ ...message("t", "abc"), properties }, 5)]);
  for (const cut of [0, 1, 7, whole.length - 1]) {
    const chunks = [Buffer.from(whole.subarray(0, cut)), Buffer.from(whole.subarray(cut))];
    const [packet] = readChunks(5, chunks);
    for (const chunk of chunks) chunk.fill(0);
    expect(packet).toMatchObject({ payload: new TextEncoder().encode("abc"), properties });
    if (packet?.type !== "publish") throw new Error("expected a publish");
    expect(packet.payload.constructor).toBe(Uint8Array);
    expect(packet.payload.buffer.byteLength).toBe(3);
  }
});

test("empty chunks have no effect, and input arrays are not written to", () => {
  const empty = new Uint8Array();
  const chunk = concatenation([pingresp, pingresp.subarray(0, 1)]);
  const before = toHex(chunk);
  const chunks = [empty, chunk.subarray(0, 3), empty, pingresp.subarray(1), empty, pingresp];
  expect(readChunks(4, chunks)).toEqual([{ type: "pingresp" }, { type: "pingresp" }, { type: "pingresp" }]);
  expect(toHex(chunk)).toBe(before);
});

test.each([
  [4, "b0020102", []],
  [5, "b0050102001187", [0x11, 0x87]],
] as const)("UNSUBACK of version %i is read", (version, hex, reasonCodes) => {
  const unsuback = { type: "unsuback", packetIdentifier: 0x102, reasonCodes };
  expect(readChunks(version, byteByByte(fromHex(hex)))).toEqual([unsuback]);
});

test("a byte order mark is a character like any other", () => {
  expect(readChunks(4, [fromHex("30 05 0003 efbbbf")])).toMatchObject([{ topic: "\ufeff" }]);
});

test("errors name the packet and the rule", () => {
  expect(readFault(5, [fromHex("3003000161")]).message).toBe("publish: too short");
  expect(readFault(4, [fromHex("20020006")]).message).toBe("connack: reason code 0x6");
  expect(readFault(5, [fromHex("9003000100")]).message).toBe("suback: too short");
});
