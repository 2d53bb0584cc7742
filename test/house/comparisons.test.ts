import { expect, test } from "vitest";
import { emptyComparisonsOf, filesBelow, readSource } from "./source.ts";

test("no test compares with a regular expression that matches any text", () => {
  const wrong =
    "expect(a).toMatchObject({ b: 1,\n c: [/x/] });\nexpect(a).toMatchObject({ b: expect.stringMatching(/x/) });";
  expect(emptyComparisonsOf({ path: "a.ts", text: wrong })).toEqual([2]);
  const files = ["packages", "test"]
    .flatMap((folder) => filesBelow(folder))
    .filter((path) => path.endsWith(".test.ts"));
  expect(files.length).toBeGreaterThan(100);
  expect(files.flatMap((path) => emptyComparisonsOf(readSource(path)).map((line) => `${path}:${line}`))).toEqual([]);
});
