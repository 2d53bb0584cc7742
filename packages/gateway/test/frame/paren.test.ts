import { expect, test } from "vitest";
import { bytesOf, open } from "./every-kind.ts";

const deep = (depth: number) => "(".repeat(depth) + ")".repeat(depth);

test.each<[string, string, string[]]>([
  ["ends where the parentheses balance", "(a (b) c)(d)", ["(a (b) c)", "(d)"]],
  [
    "is what a Lua gateway sends",
    "(node p ? (temperature 21.5 C)(relay on));\n(a)\n",
    ["(node p ? (temperature 21.5 C)(relay on))", "(a)"],
  ],
  ["may have several lines", "(a\n (b)\n)\n", ["(a\n (b)\n)"]],
  ["ignores parentheses in strings", '(a ")" "\\")" b)', ['(a ")" "\\")" b)']],
  ["ignores parentheses in comments", "(a ; )\n b)", ["(a ; )\n b)"]],
  ["does not begin in a comment", "; debug (x) text\n(a)", ["(a)"]],
  ["does not begin with other text", 'boot: ok ) "\n(a)', ["(a)"]],
  ["may be 32 deep", deep(32), [deep(32)]],
  [
    "is malformed if it is deeper, and the next one begins in another line",
    `${deep(33)} (x)\n(a)`,
    ["(malformed)", "(a)"],
  ],
  [
    "is dropped if it is too long, and the next one begins in another line",
    `(${"x".repeat(70)})(b)\n(a)`,
    ["(too-long)", "(a)"],
  ],
])("an S-expression %s", (_, input, expected) => {
  const { frames, framer } = open({ kind: "paren" });
  framer.push(bytesOf(input), 0);
  expect(frames.texts).toEqual(expected);
});

test("a list that is not closed is dropped after the timeout, and the next one begins in another line", () => {
  const { frames, framer } = open({ kind: "paren" });
  framer.push(bytesOf('(heap 1200 "\n'), 0);
  expect(framer.deadline()).toBe(1000);
  framer.advance(1000);
  framer.push(bytesOf("rest) (x)\n(a)"), 1100);
  framer.push(bytesOf("(b"), 1100);
  framer.end();
  framer.push(bytesOf("(c)"), 1100);
  expect(frames.texts).toEqual(["(incomplete)", "(a)", "(incomplete)", "(c)"]);
});
