import { expect, test } from "vitest";
import type { FieldValue } from "../../src/pipeline/outcome.ts";
import { Template } from "../../src/route/template.ts";
import { peer } from "../settings.ts";

const origin = { gateway: "attic", source: "meter" };
const fields = new Map<string, FieldValue>([
  ["n", 5],
  ["text", "a\nb\r\x1b\u2028\ud800é"],
  ["list", [1, { a: null }]],
  ["none", null],
  ["reason", "field"],
]);

function filled(template: string): unknown {
  return new Template(template, origin).fill(peer, fields);
}

test.each([
  ["plain", { text: "plain" }],
  ["{gateway}{source}/{peer}:{port} {n}!", { text: "atticmeter/192.0.2.1:2000 5!" }],
  ['{"t":{n},"s":"{source}"}', { text: '{"t":5,"s":"meter"}' }],
  ["{{n}}", { text: "{5}" }],
  ["{ n } {n", { text: "{ n } {n" }],
  ["{list}", { text: '[1,{"a":null}]' }],
  ["{n} {missing}", { missing: "missing" }],
  ["{none}", { missing: "none" }],
])("%s", (template, expected) => {
  expect(filled(template)).toEqual(expected);
});

test("an answer cannot get control characters from a device", () => {
  const answer = new Template("ok {text}\n", origin).answer(peer, fields, undefined);
  expect(answer).toBe("ok a\\u000ab\\u000d\\u001b\\u2028\\ud800é\n");
});

test("in a refusal, {reason} is the gateway's, and missing values are empty", () => {
  expect(new Template("no {reason} [{missing}{none}]\n", origin).answer(peer, fields, "full")).toBe("no full []\n");
  expect(new Template("no {reason} {n}\n", origin).answer(peer, undefined, "decode")).toBe("no decode \n");
  expect(new Template("ok {reason}", origin).answer(peer, fields, undefined)).toBe("ok field");
});
