// Arbitrary bytes from the network: how the codec and the small client's reader handle them.
import { encode, type Packet, type ProtocolVersion } from "@aiko/mqtt/codec";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ProtocolError } from "../../src/errors.ts";
import { decodeChunks, type Version } from "../codec/decoding.ts";
import { type ValidVector, validVectors } from "../codec/vectors.ts";
import { isForSmallClients, readChunks, type SmallVersion } from "../small/reading.ts";

interface Reader {
  readonly name: string;
  readonly versions: readonly Version[];
  readonly vectors: readonly ValidVector[];
  /** First bytes of packets that it may receive. */
  readonly firstBytes: readonly number[];
  readonly reasonCodes: readonly number[];
  read(version: Version, chunks: Iterable<Uint8Array>): Packet[];
}

const readers: readonly Reader[] = [
  {
    name: "the codec",
    versions: [3, 4, 5, "any"],
    vectors: validVectors,
    firstBytes: Array.from({ length: 256 }, (_, i) => i),
    reasonCodes: Array.from({ length: 0xa2 - 0x80 }, (_, i) => 0x81 + i),
    read: decodeChunks,
  },
  {
    name: "the small client's reader",
    versions: [4, 5],
    vectors: validVectors.filter(isForSmallClients),
    firstBytes: [0x20, 0x30, 0x31, 0x32, 0x34, 0x3d, 0x40, 0x50, 0x62, 0x70, 0x90, 0xb0, 0xd0, 0xe0],
    reasonCodes: [0x81, 0x82, 0x90, 0x94, 0x95],
    read: (version, chunks) => readChunks(version as SmallVersion, chunks),
  },
];

describe.each(readers)("$name", ({ versions, vectors, firstBytes, reasonCodes, read }) => {
  /** The packets in `bytes`, or undefined for a ProtocolError; any other exception fails the test. */
  function survive(version: Version, bytes: Uint8Array): Packet[] | undefined {
    try {
      return read(version, [bytes, new Uint8Array()]);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      expect(reasonCodes).toContain(error.reasonCode);
      expect(error.message.length).toBeLessThan(200);
      return undefined;
    }
  }

  /** Bytes that often look like a packet: a first byte, the length of the rest, the rest. */
  const framed = fc
    .tuple(fc.constantFrom(...firstBytes), fc.uint8Array({ maxLength: 100, max: 0x40 }))
    .map(([first, body]) => Uint8Array.of(first, body.length, ...body));

  test.each(versions)("of version %s turns any bytes into packets or a ProtocolError", (version) => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), framed, framed), (bytes) => {
        survive(version, bytes);
      }),
      { numRuns: 4000 },
    );
  });

  test("waits for the rest of every truncated valid packet, and refuses it if its lengths claim that it is complete", () => {
    let refused = 0;
    for (const { version, bytes } of vectors) {
      const start = 1 + bytes.slice(1).findIndex((byte) => byte < 0x80) + 1;
      const mayCome = firstBytes.includes(bytes[0] as number); // others are refused at their first byte
      for (let length = 0; length < bytes.length && length < 300; length++) {
        if (mayCome) expect(read(version, [bytes.subarray(0, length)])).toEqual([]);
        const remaining = length - start;
        if (remaining < 0 || remaining > 127) continue;
        const whole = Uint8Array.of(bytes[0] as number, remaining, ...bytes.subarray(start, length));
        if (survive(version, whole) === undefined) refused++;
      }
    }
    expect(refused).toBeGreaterThan(vectors.length * 6);
  });

  test("turns a valid packet with any byte changed by one into packets or a ProtocolError", () => {
    let refused = 0;
    for (const { version, bytes } of vectors) {
      for (let at = 0; at < bytes.length && at < 300; at++) {
        for (const change of [1, -1]) {
          const changed = bytes.slice();
          changed[at] = (bytes[at] as number) + change;
          if (survive(version, changed) === undefined) refused++;
        }
      }
    }
    expect(refused).toBeGreaterThan(vectors.length * 4);
  });

  const mutation = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
  const mutated = (version: ProtocolVersion) =>
    fc
      .tuple(
        fc.constantFrom(...vectors.filter((vector) => vector.version === version && vector.bytes.length < 300)),
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
      )
      .map(([{ bytes }, mutations]) => {
        const changed = bytes.slice();
        for (const { at, byte } of mutations) changed[at % bytes.length] = byte;
        return changed;
      });

  test.each([4, 5] as const)("on version %i, whatever it accepts encodes to bytes with the same meaning", (version) => {
    let taken = 0;
    fc.assert(
      fc.property(mutated(version), (bytes) => {
        for (const packet of survive(version, bytes) ?? []) {
          expect(read(version, [encode(packet, version)])).toEqual([packet]);
          taken++;
        }
      }),
      { numRuns: 5000 },
    );
    expect(taken).toBeGreaterThan(100);
  });

  test("on 3.1.1, whatever it accepts encodes to the same bytes", () => {
    let taken = 0;
    fc.assert(
      fc.property(mutated(4), (bytes) => {
        const packets = survive(4, bytes) ?? [];
        const again = Buffer.concat(packets.map((packet) => encode(packet, 4)));
        expect(again).toEqual(Buffer.from(bytes.subarray(0, again.length)));
        taken += packets.length;
      }),
      { numRuns: 5000 },
    );
    expect(taken).toBeGreaterThan(50);
  });
});
