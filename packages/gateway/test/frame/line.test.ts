import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LineFramer } from "../../src/frame/line.ts";
import { Frames } from "./frames.ts";

const settings = { maxFrame: 8, frameTimeout: 1000 };

function open(keepLast = false) {
  const frames = new Frames();
  return { frames, framer: new LineFramer(settings, keepLast, frames) };
}

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

test.each([
  ["LF", "one\ntwo\n", ["one", "two"]],
  ["CR LF", "one\r\ntwo\r\n", ["one", "two"]],
  ["CR", "one\rtwo\r", ["one", "two"]],
  ["any of them", "a\rb\nc\r\nd\n", ["a", "b", "c", "d"]],
  ["none: the line is not complete", "one", []],
  ["empty lines, which are skipped", "\n\r\n\n\ra\n\n", ["a"]],
  ["as many bytes as are allowed", "12345678\n", ["12345678"]],
  ["one byte too many", "123456789\nok\n", ["(too-long)", "ok"]],
  ["many bytes too many, once", `${"x".repeat(100)}\nok\n`, ["(too-long)", "ok"]],
  ["NUL, tabulators and bytes beyond ASCII, which are not ends", "\0\t\x0b\x0c\xff\n", ["\0\t\x0b\x0c\xff"]],
])("lines end at %s", (_, input, expected) => {
  const { frames, framer } = open();
  framer.push(bytesOf(input), 0);
  expect(frames.texts).toEqual(expected);
});

describe("the end of the connection", () => {
  test("drops a line without an end as incomplete", () => {
    const { frames, framer } = open();
    framer.push(bytesOf("a\nbc"), 0);
    framer.end();
    expect(frames.found.at(-1)).toEqual({ what: "(incomplete)", range: { from: 2, to: 4 } });
  });

  test("gives a line without an end if such lines are kept", () => {
    const { frames, framer } = open(true);
    framer.push(bytesOf("a\nbc"), 0);
    framer.end();
    expect(frames.found.at(-1)).toEqual({ what: "bc", range: { from: 2, to: 4 } });
  });

  test("gives nothing after a complete line, nor within a line that was too long", () => {
    const { frames, framer } = open();
    framer.push(bytesOf("a\n"), 0);
    framer.end();
    framer.push(bytesOf("123456789"), 0);
    framer.end();
    expect(frames.texts).toEqual(["a", "(too-long)"]);
  });
});

describe("a line that has begun", () => {
  test("is dropped when the timeout has passed since its first byte, and its rest is never a frame", () => {
    const { frames, framer } = open();
    expect(framer.deadline()).toBe(Infinity);
    framer.push(bytesOf("a\nT=2"), 100);
    framer.push(bytesOf("1"), 900);
    expect(framer.deadline()).toBe(1100);
    framer.advance(1099);
    expect(frames.texts).toEqual(["a"]);
    framer.advance(1100);
    expect(frames.found.at(-1)).toEqual({ what: "(incomplete)", range: { from: 2, to: 6 } });
    expect(framer.deadline()).toBe(Infinity);
    framer.push(bytesOf(".5\nok\n"), 1200);
    expect(frames.texts).toEqual(["a", "(incomplete)", "ok"]);
  });

  test("is complete if its end comes before the timer that was late", () => {
    const { frames, framer } = open();
    framer.push(bytesOf("a"), 0);
    framer.push(bytesOf("b\n"), 5000);
    framer.advance(5000);
    expect(frames.texts).toEqual(["ab"]);
  });

  test("waits for ever if there is no timeout", () => {
    const frames = new Frames();
    const framer = new LineFramer({ maxFrame: 8, frameTimeout: 0 }, false, frames);
    framer.push(bytesOf("a"), 0);
    expect(framer.deadline()).toBe(Infinity);
    framer.advance(1e15);
    expect(frames.texts).toEqual([]);
  });
});

/** Bytes of which many end a line. */
const input = fc
  .array(fc.constantFrom("\n", "\r", "\r\n", "a", "bc", "defg", "\xff"), { maxLength: 60 })
  .map((parts) => bytesOf(parts.join("")));

test("the frames do not depend on how the bytes are cut, and account for every byte", () => {
  fc.assert(
    fc.property(input, fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 40 }), (bytes, sizes) => {
      const whole = open();
      whole.framer.push(bytes, 0);
      const cut = open();
      let at = 0;
      for (const size of [...sizes, bytes.length]) {
        const piece = bytes.slice(at, at + size);
        cut.framer.push(piece, 0);
        piece.fill(0x21); // a framer that kept a view of a piece would now give other bytes
        at = Math.min(bytes.length, at + size);
      }
      for (const { framer } of [whole, cut]) framer.end();
      expect(cut.frames.found).toEqual(whole.frames.found);
      accountFor(bytes, whole.frames);
    }),
    { numRuns: 1000 },
  );
});

/** Each byte is in one frame, ends a line, or belongs to the rest of a line that was too long. */
function accountFor(bytes: Uint8Array, frames: Frames): void {
  let at = 0;
  let isRest = false;
  const skip = (to: number) => {
    for (; at < to; at++) {
      const isEnd = bytes[at] === 0x0a || bytes[at] === 0x0d;
      if (isEnd) isRest = false;
      expect(isEnd || isRest).toBe(true);
    }
  };
  for (const { what, range } of frames.found) {
    skip(range.from);
    expect(range.to).toBeGreaterThan(range.from);
    const content = Buffer.from(bytes.slice(range.from, range.to)).toString("latin1");
    if (!what.startsWith("(")) expect(content).toBe(what);
    expect(content.includes("\n") || content.includes("\r")).toBe(false);
    isRest = what === "(too-long)";
    at = range.to;
  }
  skip(bytes.length);
}
