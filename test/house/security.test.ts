// Every known class of fault, and every sentence of SECURITY.md, names tests that exist.
import { expect, test } from "vitest";
import { classes, isComplete, sentences } from "../security/classes.js";
import { securityDocument } from "../security/document.js";
import { filesBelow, readSource, testsOf } from "./source.ts";

const rows = [
  ...classes.map(({ name, ...rest }) => ({ name, ...rest })),
  ...sentences.map(({ sentence, tests }) => ({ name: sentence, tests, notApplicable: undefined })),
];

test("a test is found by its describe titles, in any syntax", () => {
  const text = `describe("a", () => {
    test("b", () => {});
    describe.each([1])("c %i", () => { test.skipIf(false).each([1])(\`d \${1}\`, () => {}); });
  });
  const other = (name) => name; other("e");`;
  expect(testsOf({ path: "a.test.ts", text })).toEqual(["a > b", "a > c %i > d *"]);
});

test("every test that holds a class or a sentence exists", () => {
  // A suite that several test files run is in its own file.
  const files = new Set(filesBelow().filter((path) => path.endsWith(".ts") && path.split("/").includes("test")));
  const known = new Map<string, ReadonlySet<string>>();
  const missing = rows.flatMap(({ name, tests }) =>
    tests
      .filter((reference) => {
        const [path = "", ...titles] = reference.split(" > ");
        if (!files.has(path)) return true;
        const found = known.get(path) ?? new Set(testsOf(readSource(path)));
        known.set(path, found);
        return !found.has(titles.join(" > "));
      })
      .map((reference) => `${name}: ${reference}`),
  );
  expect(missing).toEqual([]);
});

test("every class and every sentence has a test if the table is marked as complete", () => {
  const open = rows.filter(({ tests, notApplicable }) => tests.length === 0 && notApplicable === undefined);
  if (isComplete) expect(open.map(({ name }) => name)).toEqual([]);
  expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
});

test("the table has every sentence of the promises in SECURITY.md, and no other", () => {
  const { text } = readSource("SECURITY.md");
  const promises = text
    .split(/^- /m)
    .slice(1)
    .map((each) => each.split("\n\n")[0]?.replaceAll(/\s+/g, " ").trim() ?? "");
  const promised = promises.flatMap((each) => each.split(/(?<=\.) (?=[A-Z`])/));
  expect(promised.length).toBeGreaterThan(3);
  expect(promised).toEqual(sentences.map(({ sentence }) => sentence));
});

test("docs/security.md is what npm run security writes", () => {
  expect(readSource("docs/security.md").text).toBe(securityDocument());
});
