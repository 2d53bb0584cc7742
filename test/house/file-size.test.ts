import { expect, test } from "vitest";
import { filesBelow, readSource, wildcardExportLines } from "./source.ts";

// A file with more lines than this probably covers more than one noun.
const maximumLines = 600;
const everyFile = filesBelow();
const code = everyFile.filter((path) => /\.(ts|js)$/.test(path));
const source = code.filter((path) => /^packages\/[^/]+\/src\//.test(path));

test(`no source file has more than ${maximumLines} lines`, () => {
  const sized = source.map((path) => ({ path, lines: readSource(path).text.trimEnd().split("\n").length }));
  expect(sized.length).toBeGreaterThan(0);
  expect(sized.filter(({ lines }) => lines > maximumLines)).toEqual([]);
});

test("no file or folder has a meaningless name", () => {
  const vague = /(^|[/._-])(utils?|utilities|helpers?|managers?)(?=[/._-]|$)/i;
  expect("packages/mqtt/src/session-manager.ts").toMatch(vague);
  expect(everyFile.filter((path) => vague.test(path))).toEqual([]);
});

test("no source file re-exports everything of another", () => {
  expect(wildcardExportLines({ path: "a.ts", text: '// export *\nexport * from "./b.js";' })).toEqual([2]);
  const wildcards = source.flatMap((path) => wildcardExportLines(readSource(path)).map((line) => `${path}:${line}`));
  expect(wildcards).toEqual([]);
});
