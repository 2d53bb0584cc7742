import { encode, type Packet } from "@aiko/mqtt/codec";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { effort } from "../../../../test/fixtures/effort.ts";
import { ProtocolError } from "../../src/errors.ts";
import type { ServerPacket } from "../../src/small/packet-reader.ts";
import { copiedBytes } from "../codec/copied-bytes.ts";
import { byteByByte } from "../codec/decoding.ts";
import { fromHex, validVectors } from "../codec/vectors.ts";
import { isForSmallClients, readChunks, readerFor, type SmallVersion } from "./reading.ts";

const versions: readonly SmallVersion[] = [4, 5];
const valid = validVectors.filter(isForSmallClients);

/** The packets in `bytes`, or undefined for a fault; anything thrown but a ProtocolError fails the test. */
function survive(version: SmallVersion, bytes: Uint8Array): ServerPacket[] | undefined {
  try {
    return readChunks(version, [bytes, new Uint8Array()]);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    expect([0x81, 0x82, 0x90, 0x94, 0x95]).toContain(error.reasonCode);
    expect(error.message.length).toBeLessThan(100);
    return undefined;
  }
}

/** Bytes that often look like a packet that servers send: a first byte, the length of the rest, the rest. */
const firstBytes = [0x20, 0x30, 0x31, 0x32, 0x34, 0x3d, 0x40, 0x50, 0x62, 0x70, 0x90, 0xb0, 0xd0, 0xe0];
const framed = fc
  .tuple(fc.constantFrom(...firstBytes), fc.uint8Array({ maxLength: 100, max: 0x40 }))
  .map(([first, body]) => Uint8Array.of(first, body.length, ...body));

test.each(versions)("on version %i, any bytes are packets or a ProtocolError", (version) => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), framed, framed), (bytes) => {
      survive(version, bytes);
    }),
    { numRuns: 4000 },
  );
});

test("every truncation of a valid packet is waited out, and refused where the lengths say that it is whole", () => {
  let refused = 0;
  for (const { version, bytes } of valid) {
    const start = 1 + bytes.slice(1).findIndex((byte) => byte < 0x80) + 1;
    const isAuth = bytes[0] === 0xf0; // refused at its first byte
    for (let length = 0; length < bytes.length && length < 300; length++) {
      if (!isAuth) expect(readChunks(version, [bytes.subarray(0, length)])).toEqual([]);
      const remaining = length - start;
      if (remaining < 0 || remaining > 127) continue;
      const whole = Uint8Array.of(bytes[0] as number, remaining, ...bytes.subarray(start, length));
      if (survive(version, whole) === undefined) refused++;
    }
  }
  expect(refused).toBeGreaterThan(500);
});

test("every byte of a valid packet plus or minus one gives packets or a ProtocolError", () => {
  let refused = 0;
  for (const { version, bytes } of valid) {
    for (let at = 0; at < bytes.length && at < 300; at++) {
      for (const change of [1, -1]) {
        const changed = bytes.slice();
        changed[at] = (bytes[at] as number) + change;
        if (survive(version, changed) === undefined) refused++;
      }
    }
  }
  expect(refused).toBeGreaterThan(300);
});

const mutation = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
const mutated = (version: SmallVersion) =>
  fc
    .tuple(
      fc.constantFrom(...valid.filter((vector) => vector.version === version && vector.bytes.length < 300)),
      fc.array(mutation, { minLength: 1, maxLength: 4 }),
    )
    .map(([{ bytes }, mutations]) => {
      const changed = bytes.slice();
      for (const { at, byte } of mutations) changed[at % bytes.length] = byte;
      return changed;
    });

test.each(versions)("on version %i, all that is taken of broken packets means what the whole codec says", (version) => {
  let taken = 0;
  fc.assert(
    fc.property(mutated(version), (bytes) => {
      for (const packet of survive(version, bytes) ?? []) {
        // What was taken is valid, so that it can be encoded, and comes back the same.
        expect(readChunks(version, [encode(packet, version)])).toEqual([packet]);
        taken++;
      }
    }),
    { numRuns: 5000 },
  );
  expect(taken).toBeGreaterThan(100);
});

/** A PUBLISH of this many bytes of payload, and of so many user properties. */
function publish(payload: number, userProperties = 0): Uint8Array {
  const packet: Packet = {
    type: "publish",
    topic: "t",
    payload: new Uint8Array(payload),
    qos: 0,
    retain: false,
    dup: false,
    packetIdentifier: 0,
    properties: { userProperties: Array.from({ length: userProperties }, () => ["n", "v"] as const) },
  };
  return encode(packet, 5);
}

describe("memory", () => {
  test("is not taken on the word of a length", () => {
    const reader = readerFor(5, undefined);
    const before = process.memoryUsage().arrayBuffers;
    for (const hex of ["30 ff ff ff 7f 00 01 61 00", "00 00 00 00 00 00"]) {
      reader.append(fromHex(hex));
      expect(reader.next()).toBeUndefined();
    }
    for (let i = 0; i < 1024; i += 64) {
      reader.append(new Uint8Array(64));
      expect(reader.next()).toBeUndefined();
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
  });

  test("is not taken on the word of a string's or a list's length", () => {
    const before = process.memoryUsage().arrayBuffers;
    for (const hex of ["30 05 ffff 61 61 61", "30 08 0001 61 ff ff ff 7f 00", "20 06 00 00 ff ff ff 7f"])
      expect(survive(5, fromHex(hex))).toBeUndefined();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
  });

  test("of a packet is let go with the bytes that come next", () => {
    const reader = readerFor(5, undefined);
    const bytes = publish(1_000_000);
    const pingresp = fromHex("d000");
    const copied = copiedBytes(() => {
      for (const chunk of [bytes.subarray(0, 500_000), bytes.subarray(500_000), pingresp, pingresp]) {
        reader.append(chunk);
        while (reader.next() !== undefined);
      }
    });
    // The first half, to where both have room, and the second behind it.
    expect(copied).toBe(bytes.length);
  });
});

describe("work grows no faster than the bytes that come", () => {
  test("for a packet that comes byte by byte", () => {
    const work = (size: number): number => {
      const bytes = publish(size);
      let packets = 0;
      const copied = copiedBytes(() => {
        packets += readChunks(5, byteByByte(bytes)).length;
      });
      expect(packets).toBe(1);
      return copied;
    };
    const quarter = work(256 * 1024);
    const whole = work(1024 * 1024);
    expect(whole / quarter).toBeLessThan(8);
    expect(whole).toBeLessThan(4 * 1024 * 1024);
  });

  test("for many small packets in one chunk, and in chunks that cut each", () => {
    const one = publish(10);
    const count = 20_000;
    const all = new Uint8Array(one.length * count);
    for (let i = 0; i < count; i++) all.set(one, i * one.length);
    const pieces = (size: number) =>
      Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.subarray(i * size, (i + 1) * size));
    for (const size of [all.length, 1_001, one.length - 1, one.length + 1]) {
      let packets = 0;
      const copied = copiedBytes(() => {
        packets = readChunks(5, pieces(size)).length;
      });
      expect(packets).toBe(count);
      expect(copied).toBeLessThan(4 * all.length);
    }
  });

  // 8 times the bytes; 64 times the time would be quadratic.
  test.each([
    ["a packet that comes byte by byte", (size: number) => [...byteByByte(publish(size))]],
    ["user properties", (size: number) => [publish(0, size / 32)]],
    [
      "subscription identifiers",
      (size: number) => [
        encode(
          {
            type: "publish",
            topic: "t",
            payload: new Uint8Array(),
            qos: 0,
            retain: false,
            dup: false,
            packetIdentifier: 0,
            properties: { subscriptionIdentifiers: Array.from({ length: size / 32 }, () => 1) },
          },
          5,
        ),
      ],
    ],
    [
      "reason codes",
      (size: number) => [
        encode({ type: "suback", packetIdentifier: 1, reasonCodes: Array.from({ length: size / 32 }, () => 0) }, 5),
      ],
    ],
  ])("for %s", async (_, make) => {
    const small = make(131_072 - (131_072 % 14));
    const large = make(1_048_576 - (1_048_576 % 14));
    expect(readChunks(5, large)).toHaveLength(1);
    const few = await effort(() => readChunks(5, small));
    expect((await effort(() => readChunks(5, large))) / few).toBeLessThan(32);
  });
});

test("a quarter of a megabyte of user properties is read whole", () => {
  const [packet] = readChunks(5, [publish(3, 37_449)]);
  if (packet?.type !== "publish") throw new Error(`expected a publish, got ${packet?.type}`);
  expect(packet.properties?.userProperties).toHaveLength(37_449);
  expect(packet.properties?.userProperties?.at(-1)).toEqual(["n", "v"]);
  expect(packet.payload).toEqual(new Uint8Array(3));
});
