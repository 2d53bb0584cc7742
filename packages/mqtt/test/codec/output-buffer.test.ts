import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PUBACK, writeAcknowledgement, writePacket } from "../../src/codec/encode.ts";
import { OutputBuffer } from "../../src/codec/output-buffer.ts";
import { writePublish } from "../../src/codec/publish-coder.ts";
import { concatenation } from "./decoding.ts";
import { toHex } from "./vectors.ts";

function write(out: OutputBuffer, bytes: Uint8Array): void {
  const at = out.reserve(bytes.length);
  out.bytes.set(bytes, at);
}

const hexOf = (chunks: readonly Uint8Array[]): string => toHex(concatenation(chunks));

test("bytes are taken in the order in which they were written, and do not change afterwards", () => {
  const step = fc.record({
    bytes: fc.uint8Array({ maxLength: 600 }),
    how: fc.constantFrom("write", "write", "append", "take"),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 64 }), (steps, slabSize) => {
      const out = new OutputBuffer(slabSize);
      const expected: Uint8Array[] = [];
      const taken: { chunks: readonly Uint8Array[]; hex: string }[] = [];
      let waiting = 0;
      const take = () => {
        const chunks = out.take();
        taken.push({ chunks, hex: hexOf(chunks) });
        waiting = 0;
      };
      for (const { bytes, how } of steps) {
        if (how === "take") {
          take();
        } else {
          if (how === "write") write(out, bytes);
          else out.append(bytes);
          expected.push(bytes);
          waiting += bytes.length;
        }
        expect(out.length).toBe(waiting);
      }
      take();
      expect(taken.map(({ hex }) => hex).join("")).toBe(hexOf(expected));
      for (const { chunks, hex } of taken) expect(hexOf(chunks)).toBe(hex);
    }),
  );
});

test("many small packets share a slab, and slabs double from 256 bytes to 65,536", () => {
  const out = new OutputBuffer();
  const sizes = new Set<number>();
  for (let i = 0; i < 50_000; i++) {
    writeAcknowledgement(out, PUBACK, (i % 65_535) + 1);
    sizes.add(out.bytes.length);
  }
  expect([...sizes]).toEqual([256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536]);
  expect(out.length).toBe(200_000);
  expect(out.take().length).toBeLessThan(12);
});

test("a packet larger than the largest slab gets its own slab, and the next slab has the usual size", () => {
  const out = new OutputBuffer();
  write(out, new Uint8Array(300_000));
  expect(out.bytes.length).toBe(300_000);
  write(out, new Uint8Array(1));
  expect(out.bytes.length).toBe(65_536);
});

test("cleared bytes are never returned", () => {
  const out = new OutputBuffer();
  write(out, Uint8Array.of(1, 2, 3));
  out.append(Uint8Array.of(4));
  out.clear();
  expect(out.length).toBe(0);
  write(out, Uint8Array.of(5));
  expect(hexOf(out.take())).toBe("05");
  expect(out.take()).toEqual([]);
});

describe("a PUBLISH", () => {
  const fields = { topic: "t", qos: 0, retain: false } as const;

  test("with a big payload refers to the payload", () => {
    const out = new OutputBuffer();
    const payload = new Uint8Array(65_536).fill(7);
    const written = writePublish(out, 4, { ...fields, payload }, 0, false, 100_000);
    const chunks = out.take();
    expect(chunks).toHaveLength(2);
    expect(chunks[1]).toBe(payload);
    expect(written).toBe(concatenation(chunks).length);
  });

  test("with a smaller payload copies it", () => {
    const out = new OutputBuffer();
    const payload = new Uint8Array(32_767).fill(7);
    writePublish(out, 4, { ...fields, payload }, 0, false, 100_000);
    const [chunk, ...more] = out.take();
    expect(more).toEqual([]);
    payload.fill(8);
    expect(chunk?.at(-1)).toBe(7);
  });

  test("longer than the peer's maximum packet size is not written", () => {
    const out = new OutputBuffer();
    const payload = new Uint8Array(10);
    expect(writePublish(out, 4, { ...fields, payload }, 0, false, 14)).toBe(0);
    expect(out.length).toBe(0);
    expect(writePublish(out, 4, { ...fields, payload }, 0, false, 15)).toBe(15);
    expect(out.length).toBe(15);
  });

  test("of text is written as UTF-8 without an intermediate byte array", () => {
    const out = new OutputBuffer();
    writePublish(out, 5, { ...fields, payload: "žlutý 𝄞" }, 0, false, 100);
    expect(hexOf(out.take())).toBe(`301000017400${toHex(new TextEncoder().encode("žlutý 𝄞"))}`);
  });
});

test("writePacket returns the number of bytes", () => {
  const out = new OutputBuffer();
  expect(writePacket(out, { type: "pingreq" }, 4)).toBe(2);
  const publish = { type: "publish", topic: "t", qos: 0, retain: false, dup: false, packetIdentifier: 0 } as const;
  expect(writePacket(out, { ...publish, payload: new Uint8Array(40_000) }, 4)).toBe(40_007);
  expect(out.length).toBe(40_009);
});

test("bytes that are kept together are in one slab, and rewound bytes are overwritten", () => {
  const out = new OutputBuffer(16);
  out.reserve(10);
  out.keepTogether(12);
  const first = out.reserve(4);
  const slab = out.bytes;
  expect(out.reserve(8)).toBe(first + 4);
  expect(out.bytes).toBe(slab);
  expect(out.length).toBe(22);
  out.rewind();
  expect(out.length).toBe(0);
  expect(out.reserve(12)).toBe(0);
  expect(out.bytes).toBe(slab);
  expect(out.take()).toHaveLength(1);
});
