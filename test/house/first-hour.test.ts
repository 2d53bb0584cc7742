import { expect, test } from "vitest";
import { counted, linesOfCode, withTable, withTestsOnly } from "../../bench/first-hour/lines.js";
import { readSource } from "./source.ts";

test("lines of code are counted without blank lines and comments", () => {
  const text = '// a\n\n/**\n * b\n */\nconst url = "ws://c"; // d\n/* e */ const f = 1;\nconst g = `\n// h\n`;\n';
  expect(linesOfCode("a.js", text)).toBe(5);
});

test("docs/first-hour.md has the current counts", () => {
  const { text } = readSource("docs/first-hour.md");
  expect(text, "run `npm run lines`").toBe(withTable(text));
});

test("in a test file only the tests that the other file also has are counted", () => {
  const text = 'const a = 1;\ntest("b", () => {\n  c();\n});\ntest("d", () => {});\n';
  expect(linesOfCode("a.js", withTestsOnly("a.js", text, ["d"]))).toBe(2);
});

test.each(counted())("takes fewer lines than the peer: $name", ({ ours, peer }) => {
  expect(ours.lines).toBeLessThan(peer.lines);
  expect(ours.tests).toBe(peer.tests);
});
