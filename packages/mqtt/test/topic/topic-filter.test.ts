import {
  assertTopicFilter,
  hasWildcard,
  parseSharedFilter,
  sharedFilterProblem,
  topicFilterProblem,
} from "@aiko/mqtt/topic";
import { describe, expect, test } from "vitest";

const valid = [
  "a",
  "/",
  "//",
  "#",
  "+",
  "+/+",
  "/+",
  "+/",
  "+/#",
  "/#",
  "a/#",
  "a/+/b/#",
  "sport/tennis/player1/#",
  "$SYS/#",
  "$SYS/+/x",
  "$share",
  "$shared/a",
  "$share/g/a",
  "$share/g//a",
  "$share/g/#",
  "$share/g/+/b",
  "$share/g//",
  " ",
  "é/+/\u{1d11e}",
  "x".repeat(65_535),
  `${"+/".repeat(32_767)}#`,
];

const invalid: readonly (readonly [filter: string, rule: string])[] = [
  ["", "must not be empty [MQTT-4.7.3-1]"],
  ["#/", '"#" must be the last character, not the 1st [MQTT-4.7.1-2]'],
  ["a#/b", '"#" must be the last character, not the 2nd'],
  ["a/#/b", '"#" must be the last character, not the 3rd'],
  ["a/b#/c", '"#" must be the last character, not the 4th'],
  [`${"x".repeat(10)}#x`, "not the 11th"],
  [`${"x".repeat(20)}#x`, "not the 21st"],
  [`${"x".repeat(110)}#x`, "not the 111th"],
  [`${"x".repeat(121)}#x`, "not the 122nd"],
  ["##", '"#" must be the last character, not the 1st'],
  ["a#", '"#" must be the only character of its level [MQTT-4.7.1-2]'],
  ["a/b#", '"#" must be the only character of its level'],
  ["+#", '"+" must be the only character of its level, at character 1'],
  ["a+", '"+" must be the only character of its level, at character 2 [MQTT-4.7.1-3]'],
  ["+a", '"+" must be the only character of its level, at character 1'],
  ["++", '"+" must be the only character of its level, at character 1'],
  ["a/b+/c", '"+" must be the only character of its level, at character 4'],
  ["a\0", "must not contain U+0000, at character 2 [MQTT-1.5.3-2]"],
  ["\udfff/#", "lone surrogates [MQTT-1.5.3-1]"],
  ["x".repeat(65_536), "takes 65536 bytes; the limit is 65535"],
];

const invalidShared: readonly (readonly [filter: string, rule: string])[] = [
  ["$share/", "must not be empty [MQTT-4.8.2-1]"],
  ["$share//a", "must not be empty [MQTT-4.8.2-1]"],
  ["$share/+/a", 'neither "+" nor "#" [MQTT-4.8.2-2]'],
  ["$share/#", 'neither "+" nor "#" [MQTT-4.8.2-2]'],
  ["$share/g", 'followed by "/" and a topic filter [MQTT-4.8.2-2]'],
  ["$share/g/", 'followed by "/" and a topic filter [MQTT-4.8.2-2]'],
];

test.each(valid)("a valid filter is accepted: %j", (filter) => {
  expect(topicFilterProblem(filter)).toBeUndefined();
  expect(sharedFilterProblem(filter)).toBeUndefined();
  expect(() => assertTopicFilter(filter)).not.toThrow();
});

const complaint = expect.objectContaining({ name: "UsageError", code: "TOPIC_FILTER_INVALID" });

describe.each(invalid)("the filter %j", (filter, rule) => {
  test(`is rejected: ${rule}`, () => {
    expect(topicFilterProblem(filter)).toContain(rule);
    expect(() => assertTopicFilter(filter)).toThrow(complaint);
    expect(() => assertTopicFilter(filter)).toThrow(rule);
    expect(() => assertTopicFilter(filter)).toThrow(/^topicFilter "/);
  });
});

describe.each(invalidShared)("the shared filter %j", (filter, rule) => {
  test(`is rejected: ${rule}`, () => {
    expect(topicFilterProblem(filter)).toBeUndefined();
    expect(sharedFilterProblem(filter)).toContain(rule);
    expect(() => assertTopicFilter(filter)).toThrow(complaint);
    expect(() => assertTopicFilter(filter)).toThrow(`topicFilter "${filter}": `);
  });
});

test("a value that is not a string is not a valid filter", () => {
  expect(() => assertTopicFilter(5 as unknown as string)).toThrow("topicFilter: must be a string, not 5");
});

test.each([
  ["$share/g/a/b", "g", "a/b"],
  ["$share/g//a", "g", "/a"],
  ["$share/g/#", "g", "#"],
  ["$share/group name/$SYS/#", "group name", "$SYS/#"],
])("%s has two parts", (filter, shareName, topicFilter) => {
  expect(parseSharedFilter(filter)).toEqual({ shareName, topicFilter });
});

test.each(["a/b", "$share", "$shared/g/a", "x/$share/g/a", "#"])("%s is not shared", (filter) => {
  expect(parseSharedFilter(filter)).toBeUndefined();
});

test.each([
  ["a/b", false],
  ["$SYS/x", false],
  ["a/+", true],
  ["#", true],
])("whether %s has a wildcard: %s", (filter, has) => {
  expect(hasWildcard(filter)).toBe(has);
});
