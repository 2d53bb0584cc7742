import { encode, type Packet, type ProtocolVersion } from "@aiko/mqtt/codec";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arbitraryPacket } from "./arbitrary-packets.ts";
import { byteByByte, concatenation, cutAt, decodeChunks, decodeOne } from "./decoding.ts";
import { toHex } from "./vectors.ts";

const versions: readonly ProtocolVersion[] = [3, 4, 5];

describe.each(versions)("on version %i", (version) => {
  const packets = fc.array(arbitraryPacket(version), { minLength: 1, maxLength: 6 });
  const encoded = (list: readonly Packet[]): Uint8Array => concatenation(list.map((packet) => encode(packet, version)));

  test("an encoded packet decodes to itself, and encodes to the same bytes again", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(arbitraryPacket(version), (packet) => {
        seen.add(packet.type);
        const bytes = encode(packet, version);
        const decoded = decodeOne(version, bytes);
        expect(decoded).toEqual(packet);
        expect(toHex(encode(decoded, version))).toBe(toHex(bytes));
      }),
      { numRuns: 1000 },
    );
    expect(seen.size).toBe(version === 5 ? 15 : 14);
  });

  test("packets are the same, however the network splits and merges them", () => {
    fc.assert(
      fc.property(packets, fc.array(fc.nat(), { maxLength: 12 }), (list, numbers) => {
        const bytes = encoded(list);
        const cuts = numbers.map((number) => number % (bytes.length + 1));
        expect(decodeChunks(version, cutAt(bytes, cuts))).toEqual(list);
        expect(decodeChunks(version, byteByByte(bytes))).toEqual(list);
      }),
      { numRuns: 200 },
    );
  });
});
