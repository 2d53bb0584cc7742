import fc from "fast-check";
import { expect, test } from "vitest";
import type { FrameSettings } from "../../src/configuration/configuration.ts";
import { bytesOf, delimiter, open } from "./every-kind.ts";

const stx: FrameSettings = { ...delimiter, start: bytesOf("<<"), end: bytesOf(">") };
const kept: FrameSettings = { ...stx, keep: true };
const small = { maxFrame: 8 };

test.each<[string, FrameSettings, string, string[]]>([
  ["ends at the whole end only", delimiter, "a\rb\nc\r\r\nd\r\n", ["a\rb\nc\r", "d"]],
  ["skips empty frames", delimiter, "\r\n\r\na\r\n", ["a"]],
  ["finds an end that overlaps with what looked like one", { ...delimiter, end: bytesOf("aab") }, "xaaab", ["xa"]],
  ["skips what lies before the beginning", stx, "noise<a><<b>\r\n<<c>", ["b", "c"]],
  ["finds a beginning that overlaps with what looked like one", stx, "<<<a>", ["<a"]],
  ["skips frames without content between beginning and end", stx, "<<><<a>", ["a"]],
  ["gives beginning and end if they are kept", kept, "x<<a><<>", ["<<a>", "<<>"]],
  ["takes as many bytes as are allowed", stx, "<<12345678>", ["12345678"]],
  ["drops one byte too many, and goes on behind the end", delimiter, "123456789\r\nok\r\n", ["(too-long)", "ok"]],
  ["does not count the end", delimiter, "12345678\r\n", ["12345678"]],
  ["counts what only looked like the end", delimiter, "12345678\rx\r\nok\r\n", ["(too-long)", "ok"]],
  ["finds the next beginning in what is too long", stx, "<<123456789<<ok>", ["(too-long)", "ok"]],
])("a delimiter %s", (_, frame, input, expected) => {
  const { frames, framer } = open(frame, small);
  framer.push(bytesOf(input), 0);
  expect(frames.texts).toEqual(expected);
});

test("ranges are those of what is given", () => {
  const { frames, framer } = open(stx);
  framer.push(bytesOf("x<<ab>"), 0);
  expect(frames.found).toEqual([{ what: "ab", range: { from: 3, to: 5 } }]);
  const whole = open(kept);
  whole.framer.push(bytesOf("x<<ab>"), 0);
  expect(whole.frames.found).toEqual([{ what: "<<ab>", range: { from: 1, to: 6 } }]);
});

test("a frame that has begun too long ago is dropped, and its rest is skipped up to an end or a beginning", () => {
  const { frames, framer } = open(stx);
  framer.push(bytesOf("<<"), 100);
  framer.push(bytesOf("a"), 900);
  expect(framer.deadline()).toBe(1100);
  framer.advance(1100);
  framer.push(bytesOf("b<<c>d<<e>"), 1200);
  expect(frames.texts).toEqual(["(incomplete)", "c", "e"]);
  expect(frames.found[0]?.range).toEqual({ from: 0, to: 3 });
});

test("the end of the connection drops a frame that has begun, and nothing else", () => {
  const { frames, framer } = open(stx);
  framer.push(bytesOf("<<a>b"), 0);
  framer.end();
  framer.push(bytesOf("<<c"), 0);
  framer.end();
  framer.push(bytesOf("d><<e>"), 0);
  expect(frames.texts).toEqual(["a", "(incomplete)", "e"]);
});

test("frames are what is between the ends, as a search in the whole text finds them", () => {
  const text = fc.array(fc.constantFrom("a", "b"), { maxLength: 60 }).map((parts) => parts.join(""));
  const sequence = fc.array(fc.constantFrom("a", "b"), { minLength: 1, maxLength: 5 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, sequence, fc.option(sequence, { nil: undefined }), (input, end, start) => {
      const expected: string[] = [];
      for (let at = 0; ; ) {
        const begin = start === undefined ? at : input.indexOf(start, at) + start.length;
        if (start !== undefined && begin < at + start.length) break;
        const stop = input.indexOf(end, begin);
        if (stop < 0) break;
        if (stop > begin) expected.push(input.slice(begin, stop));
        at = stop + end.length;
      }
      const { frames, framer } = open({
        ...delimiter,
        end: bytesOf(end),
        start: start === undefined ? undefined : bytesOf(start),
      });
      framer.push(bytesOf(input), 0);
      expect(frames.texts).toEqual(expected);
    }),
    { numRuns: 2000 },
  );
});
