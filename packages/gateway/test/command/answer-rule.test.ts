// How an answer is recognized.
import { expect, test } from "vitest";
import { answerRule, modbusAnswer } from "../../src/command/answer-rule.ts";

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const settings = { match: undefined, refused: undefined, encoding: "utf8", timeout: 1, retries: 0 } as const;

test("any frame is the answer if nothing is configured", () => {
  expect(answerRule(settings, new Map()).matches(bytes("x"), undefined)).toBe("answer");
});

test("a text matches the beginning of the frame, with the values of the command", () => {
  const rule = answerRule({ ...settings, match: "OK {value}", refused: "ERR" }, new Map([["value", "on"]]));
  expect(rule.matches(bytes("OK on, thanks"), undefined)).toBe("answer");
  expect(rule.matches(bytes("OK off"), undefined)).toBeUndefined();
  expect(rule.matches(bytes("OK"), undefined)).toBeUndefined();
  expect(rule.matches(bytes("ERR 5"), undefined)).toBe("refused");
});

test("a text matches in the encoding of the source", () => {
  const rule = answerRule({ ...settings, encoding: "latin1", match: "µ {value}" }, new Map([["value", "ü"]]));
  expect(rule.matches(Uint8Array.of(0xb5, 0x20, 0xfc), undefined)).toBe("answer");
  expect(rule.matches(bytes("µ ü"), undefined)).toBeUndefined();
});

test("fields must all have their values", () => {
  const rule = answerRule({ ...settings, match: { relay: "{value}", node: "a" } }, new Map([["value", "on"]]));
  const fields = (relay: string, node: string) => new Map(Object.entries({ relay, node }));
  expect(rule.matches(bytes(""), fields("on", "a"))).toBe("answer");
  expect(rule.matches(bytes(""), fields("on", "b"))).toBeUndefined();
  expect(rule.matches(bytes(""), new Map([["relay", "on"]]))).toBeUndefined();
  expect(rule.matches(bytes(""), undefined)).toBeUndefined();
  expect(answerRule({ ...settings, match: { n: 1 } }, new Map()).matches(bytes(""), new Map([["n", 1]]))).toBe(
    "answer",
  );
});

test.each<[string, number[], number[], string | undefined]>([
  ["registers", [1, 4, 0, 0, 0, 2], [1, 4, 4, 0, 1, 0, 2], "answer"],
  ["too few registers", [1, 4, 0, 0, 0, 2], [1, 4, 2, 0, 1], undefined],
  ["registers of another unit", [1, 4, 0, 0, 0, 2], [2, 4, 4, 0, 1, 0, 2], undefined],
  ["registers by another function", [1, 4, 0, 0, 0, 2], [1, 3, 4, 0, 1, 0, 2], undefined],
  ["the request itself, as some lines echo it", [1, 4, 0, 0, 0, 2], [1, 4, 0, 0, 0, 2], undefined],
  ["coils", [1, 1, 0, 0, 0, 9], [1, 1, 2, 0, 1], "answer"],
  ["an exception", [1, 4, 0, 0, 0, 2], [1, 0x84, 2], "refused"],
  ["an exception to another function", [1, 4, 0, 0, 0, 2], [1, 0x83, 2], undefined],
  ["a written register", [1, 6, 0, 7, 0, 3], [1, 6, 0, 7, 0, 3], "answer"],
  ["another value than was written", [1, 6, 0, 7, 0, 3], [1, 6, 0, 7, 0, 4], undefined],
  ["written registers", [1, 16, 0, 7, 0, 1, 2, 0, 3], [1, 16, 0, 7, 0, 1], "answer"],
  ["nothing", [1, 4, 0, 0, 0, 2], [], undefined],
])("Modbus: %s", (_, request, answer, expected) => {
  expect(modbusAnswer(Uint8Array.from(request), 1, 0).matches(Uint8Array.from(answer), undefined)).toBe(expected);
});
