// Cutting bytes into packets: however they arrive, the packets are the same.
import fc from "fast-check";
import { expect, test } from "vitest";
import { PacketCutter } from "../../src/faults/packet-cutter.ts";

/** A packet with this number of bytes after its fixed header. */
function packet(length: number): Uint8Array {
  const header = [0x30];
  let rest = length;
  do {
    header.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  const bytes = new Uint8Array(header.length + length).fill(0xff);
  bytes.set(header);
  return bytes;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(chunks);
}

test("packets of any length are found in chunks of any length", () => {
  const lengths = fc.array(fc.oneof(fc.constantFrom(0, 1, 127, 128, 16_383, 16_384), fc.nat(300)), { maxLength: 6 });
  fc.assert(
    fc.property(lengths, fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1 }), (sizes, cuts) => {
      const packets = sizes.map(packet);
      const bytes = joined(packets);
      const cutter = new PacketCutter();
      const found: Uint8Array[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const length = cuts[i % cuts.length] as number;
        found.push(...cutter.cut(bytes.slice(at, at + length)));
        at += length;
      }
      expect(found.map(text)).toEqual(packets.map(text));
    }),
    { numRuns: 50 },
  );
});

test("from a header that is not valid on, bytes are passed as they are", () => {
  const cutter = new PacketCutter();
  const wrong = Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0xff, 1);
  expect(cutter.cut(joined([packet(2), wrong])).map(text)).toEqual([packet(2), wrong].map(text));
  expect(cutter.cut(Uint8Array.of(1))).toEqual([Uint8Array.of(1)]);
});
