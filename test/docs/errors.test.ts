import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { filesBelow } from "../house/source.ts";

const code = /"([A-Z][A-Z_0-9]+)"/g;
const declared = [...readFileSync("packages/mqtt/src/errors.ts", "utf8").matchAll(code)].map((match) => match[1]);
const documented = [...readFileSync("docs/errors.md", "utf8").matchAll(/^\| `([A-Z_0-9]+)`/gm)].map(
  (match) => match[1],
);

test("every error code is documented once, and every documented code exists", () => {
  expect([...documented].sort()).toEqual([...declared].sort());
});

test("every error code is thrown somewhere", () => {
  const sources = ["packages/mqtt/src", "packages/store/src", "packages/broker/src", "packages/cli/src"]
    .flatMap((folder) => filesBelow(folder))
    .filter((path) => path.endsWith(".ts") && !path.endsWith("src/errors.ts"))
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");
  expect(declared.filter((each) => !sources.includes(`"${each}"`))).toEqual([]);
});
