import { topicNameProblem } from "@aiko/mqtt/topic";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Failure } from "../../src/failure.ts";
import type { FieldValue } from "../../src/pipeline/outcome.ts";
import { TopicTemplate, topicBelow } from "../../src/route/topic-template.ts";
import { peer } from "../settings.ts";

const origin = { gateway: "attic", source: "meter" };

function topicOf(template: string, fields: Record<string, FieldValue> = {}, path?: Record<string, string>): string {
  const at = path === undefined ? peer : { ...peer, fields: path };
  return plain(new TopicTemplate("topic", template, origin).topic(at, new Map(Object.entries(fields))));
}

function plain(topic: string | Failure): string {
  return topic instanceof Failure ? `${topic.reason}: ${topic.detail}` : topic;
}

test.each<[string, Record<string, FieldValue>, string]>([
  ["house/temp", {}, "house/temp"],
  ["{gateway}/{source}/{node}", { node: "pebble_1" }, "attic/meter/pebble_1"],
  ["{peer}/{port}", {}, "192.0.2.1/2000"],
  ["a/{n}-{on}", { n: 1.5, on: false }, "a/1.5-false"],
  ["a/{n}", { n: 1e21 }, "a/1e%2B21"],
  ["a/{node}", { node: "x/y" }, "a/x%2Fy"],
  ["a/{node}", { node: "+#%" }, "a/%2B%23%25"],
  ["a/{node}", { node: "\0\n\x7f\x85" }, "a/%00%0A%7F%C2%85"],
  ["a/{node}", { node: "\ufffe\ufdd0\u{1ffff}" }, "a/%EF%BF%BE%EF%B7%90%F0%9F%BF%BF"],
  ["a/{node}", { node: "Küche 🌡 €" }, "a/Küche 🌡 €"],
  ["{node}/a", { node: "$SYS" }, "%24SYS/a"],
  ["a/{node}", { node: "$SYS" }, "a/$SYS"],
  ["$x/{node}", { node: "$" }, "$x/$"],
  ["{a}{b}", { a: "$", b: "$" }, "%24$"],
  ["a/{node}", {}, "topic: the topic's {node} has no value"],
  ["a/{node}", { node: null }, "topic: the topic's {node} has no value"],
  ["a/{node}", { node: "" }, "topic: the topic's {node} is empty"],
  ["a/{node}", { node: [1] }, "topic: the topic's {node} is an object or array"],
  [
    "a/{node}",
    { node: "\ud800" },
    'topic: the topic\'s {node}, "\\ud800", has a lone surrogate, which UTF-8 cannot encode',
  ],
  ["{gateway}/{source}", { gateway: "x", source: "y" }, "attic/meter"],
  ["{peer}", { peer: "x" }, "192.0.2.1"],
])("%s with %j", (template, fields, expected) => {
  expect(topicOf(template, fields)).toBe(expected);
});

test("a topic has at most 65,535 bytes", () => {
  expect(topicOf("a/{x}", { x: "x".repeat(65_533) })).toHaveLength(65_535);
  expect(topicOf("a/{x}", { x: "x".repeat(65_534) })).toBe("topic: the topic takes 65536 bytes; the limit is 65535");
  expect(topicOf("a/{x}", { x: "/".repeat(30_000) })).toBe("topic: the topic takes 90002 bytes; the limit is 65535");
});

test("a field of the connection precedes one of the frame", () => {
  expect(topicOf("a/{node}", { node: "frame" }, { node: "path" })).toBe("a/path");
  expect(topicOf("a/{toString}", {}, {})).toBe("topic: the topic's {toString} has no value");
});

test("a field's own topic is one level below", () => {
  expect(plain(topicBelow("a", "b/c"))).toBe("a/b%2Fc");
  expect(plain(topicBelow("a", ""))).toBe("topic: the topic's {field} is empty");
});

describe("refuses a template", () => {
  test.each([
    ["", "must not be empty"],
    ["a/+/b", 'must not contain the wildcard "+"'],
    ["a/#", 'must not contain the wildcard "#"'],
    ["a/\0", "must not contain U+0000"],
    ["a/{node", "has a brace outside a placeholder"],
    ["a/node}", "has a brace outside a placeholder"],
    ["a/{node|raw}", "has a brace outside a placeholder"],
    ["a/{}", "has a brace outside a placeholder"],
  ])("%j", (template, rule) => {
    expect(() => new TopicTemplate("topic", template, origin)).toThrow(`topic: "`);
    expect(() => new TopicTemplate("topic", template, origin)).toThrow(rule);
  });
});

test("whatever a device sends, a topic is valid and has the levels of its template", () => {
  const part = fc.constantFrom("{a}", "{b}", "{gateway}", "x", "/", "$");
  const value = fc.oneof(
    fc.string({ unit: "binary", maxLength: 20 }),
    fc
      .array(fc.constantFrom("/", "+", "#", "$", "%", "\0", "\ud800", "a"), { maxLength: 8 })
      .map((all) => all.join("")),
    fc.double(),
    fc.boolean(),
  );
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), value, value, (parts, a, b) => {
      const template = parts.join("");
      const topic = topicOf(template, { a, b });
      if (topic.startsWith("topic: ")) return;
      expect(topicNameProblem(topic)).toBeUndefined();
      expect(topic.split("/")).toHaveLength(template.split("/").length);
      expect(topic.startsWith("$")).toBe(template.startsWith("$"));
    }),
    { numRuns: 2000 },
  );
});

test("different values give different topics", () => {
  const value = fc.array(fc.constantFrom("/", "%", "2", "F", "$", "4"), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(value, value, (a, b) => {
      expect(topicOf("{x}", { x: a.join("") }) === topicOf("{x}", { x: b.join("") })).toBe(a.join("") === b.join(""));
    }),
    { numRuns: 1000 },
  );
});

test.each([
  ["{topic}", "a/b", "a/b"],
  ["{topic}", "$SYS/a", "%24SYS/a"],
  ["x/{topic}", "$SYS/a", "x/$SYS/a"],
  ["{topic[0]}/{topic[2]}", "a//c", "a/c"],
  ["{topic[0]}", "$SYS/a", "%24SYS"],
])("%s of the MQTT topic %s is %s", (template, topic, expected) => {
  const made = new TopicTemplate("topic", template, { gateway: "g", source: "s" });
  expect(made.topic({ peer: "s", port: 0, topic }, new Map())).toBe(expected);
});

test.each(["{topic[1]}", "{topic[3]}", "{topic[x]}"])("%s of the MQTT topic a//c has no value", (template) => {
  const made = (): unknown =>
    new TopicTemplate("topic", template, { gateway: "g", source: "s" }).topic(
      { peer: "s", port: 0, topic: "a//c" },
      new Map(),
    );
  if (template === "{topic[x]}") expect(made).toThrow();
  else expect(made()).toMatchObject({ reason: "topic" });
});
