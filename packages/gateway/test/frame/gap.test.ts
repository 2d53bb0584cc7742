import { expect, test } from "vitest";
import { gapAt } from "../../src/frame/gap.ts";
import { bytesOf, open } from "./every-kind.ts";

const gap = { kind: "gap", gap: 20 } as const;

test("silence ends a frame, whether the timer or the next byte comes first", () => {
  const { frames, framer } = open(gap);
  framer.push(bytesOf("a"), 100);
  framer.push(bytesOf("b"), 119);
  expect(framer.deadline()).toBe(139);
  framer.advance(138);
  expect(frames.texts).toEqual([]);
  framer.advance(139);
  framer.push(bytesOf("c"), 139);
  framer.push(bytesOf("d"), 159);
  framer.end();
  expect(frames.found).toEqual([
    { what: "ab", range: { from: 0, to: 2 } },
    { what: "c", range: { from: 2, to: 3 } },
    { what: "d", range: { from: 3, to: 4 } },
  ]);
});

test("a frame that is too long, or lasts too long, is dropped with all bytes up to the next silence", () => {
  const { frames, framer } = open(gap, { maxFrame: 4, frameTimeout: 50 });
  framer.push(bytesOf("12345"), 0);
  framer.push(bytesOf("678"), 10);
  framer.push(bytesOf("a"), 30);
  framer.push(bytesOf("b"), 49);
  framer.push(bytesOf("c"), 68);
  framer.advance(80);
  framer.push(bytesOf("d"), 80);
  framer.push(bytesOf("ok"), 100);
  framer.advance(120);
  expect(frames.texts).toEqual(["(too-long)", "(incomplete)", "ok"]);
});

test("the silence of a serial line is 3.5 characters, but at least 1.75 ms", () => {
  expect(gapAt(9600)).toBeCloseTo(4.01, 2);
  expect(gapAt(19_200)).toBeCloseTo(2.005, 3);
  expect(gapAt(115_200)).toBe(1.75);
});
