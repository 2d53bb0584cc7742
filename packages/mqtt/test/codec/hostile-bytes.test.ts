import { encode, type Packet, PacketStream, type ProtocolVersion } from "@aiko/mqtt/codec";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ProtocolError } from "../../src/errors.ts";
import { decodeChunks, decodeOne, type Version } from "./decoding.ts";
import { validVectors } from "./vectors.ts";

const versions: readonly Version[] = [3, 4, 5, "any"];

/** The packets in `bytes`, or undefined for a fault; anything thrown but a ProtocolError fails the test. */
function survive(version: Version, bytes: Uint8Array): Packet[] | undefined {
  try {
    return decodeChunks(version, [bytes, new Uint8Array()]);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    expect(error.reasonCode).toBeGreaterThanOrEqual(0x81);
    expect(error.reasonCode).toBeLessThanOrEqual(0xa2);
    return undefined;
  }
}

/** Bytes that often look like a packet: a first byte, the length of the rest, the rest. */
const framed = fc
  .tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 100, max: 0x40 }))
  .map(([first, body]) => Uint8Array.of(first, body.length, ...body));

describe.each(versions)("a stream of version %s", (version) => {
  test("meets any bytes with packets or a ProtocolError", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), framed), (bytes) => {
        survive(version, bytes);
      }),
      { numRuns: 3000 },
    );
  });
});

test("every truncation of a valid packet is waited out, and refused where the lengths say that it is whole", () => {
  let refused = 0;
  for (const { version, bytes } of validVectors) {
    const start = 1 + bytes.slice(1).findIndex((byte) => byte < 0x80) + 1;
    for (let length = 0; length < bytes.length && length < 300; length++) {
      expect(decodeChunks(version, [bytes.subarray(0, length)])).toEqual([]);
      const remaining = length - start;
      if (remaining < 0 || remaining > 127) continue;
      const whole = Uint8Array.of(bytes[0] as number, remaining, ...bytes.subarray(start, length));
      if (survive(version, whole) === undefined) refused++;
    }
  }
  expect(refused).toBeGreaterThan(1000);
});

test("every byte of a valid packet plus or minus one gives packets or a ProtocolError", () => {
  let refused = 0;
  for (const { version, bytes } of validVectors) {
    for (let at = 0; at < bytes.length && at < 300; at++) {
      for (const step of [1, -1]) {
        const changed = bytes.slice();
        changed[at] = (bytes[at] as number) + step;
        if (survive(version, changed) === undefined) refused++;
      }
    }
  }
  expect(refused).toBeGreaterThan(500);
});

const mutation = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
const mutated = (version: ProtocolVersion) =>
  fc
    .tuple(
      fc.constantFrom(...validVectors.filter((vector) => vector.version === version && vector.bytes.length < 300)),
      fc.array(mutation, { minLength: 1, maxLength: 4 }),
    )
    .map(([{ bytes }, mutations]) => {
      const changed = bytes.slice();
      for (const { at, byte } of mutations) changed[at % bytes.length] = byte;
      return changed;
    });

test("on 3.1.1, all that is taken encodes to the very same bytes", () => {
  let taken = 0;
  fc.assert(
    fc.property(mutated(4), (bytes) => {
      const packets = survive(4, bytes) ?? [];
      const again = packets.map((packet) => encode(packet, 4));
      expect(Buffer.concat(again)).toEqual(Buffer.from(bytes.subarray(0, Buffer.concat(again).length)));
      taken += packets.length;
    }),
    { numRuns: 5000 },
  );
  expect(taken).toBeGreaterThan(100);
});

test("on 5, all that is taken encodes to bytes of the same meaning", () => {
  let taken = 0;
  fc.assert(
    fc.property(mutated(5), (bytes) => {
      const stream = new PacketStream(5);
      stream.append(bytes);
      try {
        for (let packet = stream.next(); packet !== undefined; packet = stream.next()) {
          expect(decodeOne(5, encode(packet, 5))).toEqual(packet);
          taken++;
        }
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }),
    { numRuns: 5000 },
  );
  expect(taken).toBeGreaterThan(100);
});
