import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  describeReasonCode,
  describeReturnCode,
  MAXIMUM_RETURN_CODE,
} from "../../packages/mqtt/src/codec/reason-codes.ts";
import { filesBelow } from "../house/source.ts";

const code = /"([A-Z][A-Z_0-9]+)"/g;
const source = readFileSync("packages/mqtt/src/errors.ts", "utf8");
/** The codes of each class. */
const families = [...source.matchAll(/export type (\w+Error)Code =([^;]*"[^;]*);/g)].map(
  ([, name = "", codes = ""]) => [name, [...codes.matchAll(code)].map((match) => match[1])] as const,
);
const declared = families.flatMap(([, codes]) => codes);
const sections = readFileSync("docs/errors.md", "utf8").split(/^## /m);
const codesIn = (text: string) => [...text.matchAll(/^\| `([A-Z][A-Z_0-9]+)`/gm)].map((match) => match[1]);
const documented = sections.flatMap(codesIn);

test("every error code is documented once, and every documented code exists", () => {
  expect([...documented].sort()).toEqual([...declared].sort());
});

test.each(families)("the codes of %s are listed under its name", (name, codes) => {
  const section = sections.find((each) => each.startsWith(`${name}: `));
  expect(codesIn(section ?? "").sort()).toEqual([...codes].sort());
});

test("every error code is thrown somewhere", () => {
  const sources = ["mqtt", "store", "configuration", "broker", "cli"]
    .map((name) => `packages/${name}/src`)
    .flatMap((folder) => filesBelow(folder))
    .filter((path) => path.endsWith(".ts") && !path.endsWith("src/errors.ts"))
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");
  expect(declared.filter((each) => !sources.includes(`"${each}"`))).toEqual([]);
});

test("every reason code for a refusal is documented once, with its number and name", () => {
  const text = readFileSync("docs/errors.md", "utf8");
  const documentedCodes = [...text.matchAll(/^\| `(0x[0-9A-F]{2}|[1-9])` \| ([^|]+) \|/gm)];
  const codes = Array.from({ length: 256 }, (_, code) => code);
  const named = codes
    .slice(0x80)
    .map(describeReasonCode)
    .filter((each) => each.includes("("));
  const returned = codes.slice(1, MAXIMUM_RETURN_CODE + 1).map(describeReturnCode);
  expect(documentedCodes.map(([, code, name]) => `${code} (${name})`)).toEqual([...named, ...returned]);
});
