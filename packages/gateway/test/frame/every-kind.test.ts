// What holds for framers of all kinds. Valid frames are made by the encoder of the kind.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Failure } from "../../src/failure.ts";
import { frameEncoder } from "../../src/frame/frame-encoder.ts";
import type { Framer } from "../../src/frame/framer.ts";
import { bytesOf, type EveryKind, everyKind, open, settings } from "./every-kind.ts";
import type { Frames } from "./frames.ts";

function encoded(kind: EveryKind, body: Uint8Array): Uint8Array {
  const frame = frameEncoder(kind)(body);
  if (frame instanceof Failure) throw new Error(frame.detail);
  return frame;
}

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

/** Valid frames, frames of which a byte was changed or that were cut off, and noise. */
function traffic(kind: EveryKind): fc.Arbitrary<Uint8Array> {
  const frame = kind.body.map((body) => encoded(kind, body));
  const mutated = fc
    .tuple(frame, fc.nat(), fc.nat(255))
    .map(([bytes, at, byte]) => bytes.with(at % bytes.length, byte));
  const cut = fc.tuple(frame, fc.nat()).map(([bytes, at]) => bytes.slice(0, at % bytes.length));
  const long = fc.uint8Array({ minLength: 60, maxLength: 300 });
  const part = fc.oneof(frame, frame, mutated, cut, fc.uint8Array({ maxLength: 10 }), long);
  return fc.array(part, { maxLength: 8 }).map((parts) => Uint8Array.from(parts.flatMap((each) => [...each])));
}

function feed(framer: Framer, bytes: Uint8Array, sizes: readonly number[]): void {
  let at = 0;
  for (const size of [...sizes, bytes.length]) {
    const piece = bytes.slice(at, at + size);
    framer.push(piece, 0);
    if (at + size < bytes.length) piece.fill(0x21); // a framer that kept a view of a piece would now give other bytes
    at = Math.min(bytes.length, at + size);
  }
}

/** Bytes of all arrays that the framer keeps. */
function retained(value: unknown, seen = new Set<unknown>()): number {
  if (typeof value !== "object" || value === null || seen.has(value) || value instanceof Map) return 0;
  seen.add(value);
  if (value instanceof Uint8Array) return value.buffer.byteLength;
  if ("found" in value) return 0; // what the test collects
  return Object.values(value).reduce<number>((all, each) => all + retained(each, seen), 0);
}

function inOrder({ found }: Frames, length: number): void {
  let at = 0;
  for (const { range } of found) {
    expect(range.from).toBeGreaterThanOrEqual(at);
    expect(range.to).toBeGreaterThanOrEqual(range.from);
    at = range.to;
  }
  expect(at).toBeLessThanOrEqual(length);
}

describe.each(everyKind.map((kind) => [kind.name, kind] as const))("%s", (name, kind) => {
  const { frame, check, body, recovery } = kind;
  const isMessage = name === "gap" || name === "datagram";

  test("a framer finds the bytes that the encoder was given", () => {
    fc.assert(
      fc.property(fc.array(body, { minLength: 1, maxLength: isMessage ? 1 : 5 }), (bodies) => {
        const { framer, frames } = open(frame, { check });
        const all = bodies.map((each) => encoded(kind, each));
        const long = all.some(({ length }) => length > settings.maxFrame);
        for (const each of all) framer.push(each, 0);
        framer.end();
        if (!long) expect(frames.texts).toEqual(bodies.map(latin1));
      }),
      { numRuns: 300 },
    );
  });

  test("what is found does not depend on how the bytes are cut, and stands in order", () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 60 });
    fc.assert(
      fc.property(traffic(kind), sizes, (bytes, cuts) => {
        const results = [[], cuts, new Array<number>(bytes.length).fill(1)].map((each) => {
          const { framer, frames } = open(frame, { check });
          feed(framer, bytes, each);
          framer.end();
          inOrder(frames, bytes.length);
          return frames.found;
        });
        expect(results[1]).toEqual(results[0]);
        expect(results[2]).toEqual(results[0]);
      }),
      { numRuns: 300 },
    );
  });

  test("any bytes at any time leave little in memory, and the framer waits only if it has something", () => {
    const step = fc.tuple(
      fc.oneof(traffic(kind), fc.uint8Array({ maxLength: 2000 })),
      fc.integer({ min: 0, max: 1500 }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 10 }), (steps) => {
        const { framer, frames } = open(frame, { check });
        let now = 0;
        let length = 0;
        for (const [bytes, wait] of steps) {
          framer.push(bytes, now);
          length += bytes.length;
          expect(retained(framer)).toBeLessThanOrEqual(4 * settings.maxFrame + 2000);
          now += wait;
          framer.advance(now);
          expect(framer.deadline()).toBeGreaterThan(now);
          inOrder(frames, length);
        }
        framer.end();
        expect(framer.deadline()).toBe(Infinity);
      }),
      { numRuns: 200 },
    );
  });

  test("a valid frame behind any garbage is found", () => {
    fc.assert(
      fc.property(traffic(kind), body, (garbage, last) => {
        const valid = encoded(kind, last);
        if (valid.length > settings.maxFrame) return;
        const { framer, frames } = open(frame, { check });
        framer.push(garbage, 0);
        framer.advance(5000);
        if (name === "datagram") framer.end();
        framer.push(bytesOf(recovery), 5000);
        framer.push(valid, 5000);
        if (name === "datagram") framer.end();
        framer.advance(10_000);
        expect(frames.texts.at(-1)).toBe(latin1(last));
      }),
      { numRuns: 300, seed: 20_261_130 }, // garbage has the CRC of a frame once in 65,536 times
    );
  });
});

test.each(["length with a check", "modbus-rtu", "length without magic bytes, with a check before the data"])(
  "%s: a valid frame is found although garbage before it looks like the beginning of a longer one",
  (name) => {
    const kind = everyKind.find((each) => each.name === name) as EveryKind;
    fc.assert(
      fc.property(traffic(kind), kind.body, (garbage, last) => {
        const valid = encoded(kind, last);
        const { framer, frames } = open(kind.frame, { check: kind.check });
        framer.push(garbage, 0);
        framer.push(valid, 10);
        framer.advance(5000);
        expect(frames.texts.at(-1)).toBe(latin1(last));
      }),
      { numRuns: 500, seed: 20_261_130 },
    );
  },
);
