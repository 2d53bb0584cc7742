import { assertTopicName, topicNameProblem } from "@aiko/mqtt/topic";
import { describe, expect, test } from "vitest";

const valid = [
  "a",
  "/",
  "//",
  "/a",
  "a/",
  "a//b",
  " ",
  "Accounts payable",
  "$SYS/broker/uptime",
  "$share/not/a/filter",
  "é/\u{1d11e}",
  "\ufeffa",
  "tab\tand newline\n",
  "x".repeat(65_535),
  "é".repeat(32_767),
  "/".repeat(65_535),
];

const invalid: readonly (readonly [name: string, rule: string])[] = [
  ["", "must not be empty [MQTT-4.7.3-1]"],
  ["+", 'the wildcard "+", at character 1 [MQTT-3.3.2-2]'],
  ["#", 'the wildcard "#", at character 1 [MQTT-3.3.2-2]'],
  ["a/+/b", 'the wildcard "+", at character 3'],
  ["a#", 'the wildcard "#", at character 2'],
  ["a\0b", "must not contain U+0000, at character 2 [MQTT-1.5.3-2]"],
  ["\ud800", "lone surrogates [MQTT-1.5.3-1]"],
  ["a/\udc00", "lone surrogates"],
  ["x".repeat(65_536), "takes 65536 bytes; the limit is 65535"],
  ["é".repeat(32_768), "takes 65536 bytes"],
];

test.each(valid)("a valid name is accepted: %j", (name) => {
  expect(topicNameProblem(name)).toBeUndefined();
  expect(() => assertTopicName(name)).not.toThrow();
});

describe.each(invalid)("the name %j", (name, rule) => {
  test(`is rejected: ${rule}`, () => {
    expect(topicNameProblem(name)).toContain(rule);
    const complaint = { name: "UsageError", code: "TOPIC_NAME_INVALID" };
    expect(() => assertTopicName(name)).toThrow(expect.objectContaining(complaint));
    expect(() => assertTopicName(name)).toThrow(/^topicName ".*": must|^topicName ".*": takes/);
    expect(() => assertTopicName(name)).toThrow(rule);
  });
});

test("a value that is not a string is not a valid name", () => {
  expect(() => assertTopicName(5 as unknown as string)).toThrow("topicName: must be a string, not 5");
});

test("an error stays one short line, whatever the name contains", () => {
  for (const name of ["\n\r\0\x1b[31m\x7f\x9f", `${"x".repeat(100_000)}`, "\u0085+"]) {
    let message = "";
    try {
      assertTopicName(name);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toMatch(/^topicName "/);
    expect(message.length).toBeLessThan(250);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be there
    expect(message).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  }
});
