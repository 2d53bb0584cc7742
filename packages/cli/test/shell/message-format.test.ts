// The formats of `sub -F`. test/interop compares them with mosquitto_sub.
import type { Message } from "@aiko/mqtt";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ArgumentError } from "../../src/arguments.ts";
import { MessageFormat } from "../../src/shell/message-format.ts";

const packet = {
  type: "publish",
  topic: "a/b",
  payload: new TextEncoder().encode("21.5"),
  qos: 1,
  retain: true,
  dup: false,
  packetIdentifier: 7,
} as const;
const received = { at: 1_600_000_000_123.456, packetIdentifier: 7, subscriptionIdentifier: 3 };

function printed(format: string, fields: object = {}): string {
  const failures: string[] = [];
  const printer = new MessageFormat(format, { pretty: false, notJson: (topic) => failures.push(topic) });
  const text = new TextDecoder().decode(
    printer.print({ ...packet, properties: {}, ...fields } as unknown as Message, received),
  );
  return [text, ...failures].join(" not JSON: ");
}

test.each([
  ["%t %p", "a/b 21.5"],
  ["%%%q%r%l%m%S", "%1147" + "3"],
  ["[%6t][%-6t][%06l][%-4l][%.1t][%6.2p]", "[   a/b][a/b   ][000004][4   ][a][    21]"],
  ["%x %X", "32312e35 32312E35"],
  ["\\\\ \\t|\\e", "\\ \t|\x1b"],
  ["@@ %U", "@ 1600000000.123456000"],
  ["%C%R%D%E%F%P%A", ""],
])("prints %s", (format, expected) => {
  expect(printed(format)).toBe(expected);
});

test("a width does not shorten a value", () => {
  expect(printed("[%2p][%03x][%1t]")).toBe("[21.5][32312e35][a/b]");
});

test("prints properties", () => {
  const properties = {
    contentType: "text",
    userProperties: [
      ["a", "1"],
      ["b", "2"],
    ],
    correlationData: Uint8Array.of(65),
  };
  expect(printed("%C|%P|%D", { properties })).toBe("text|a:1 b:2|A");
});

test("prints JSON, and reports a payload that is not JSON", () => {
  expect(printed("%J")).toContain('"topic":"a/b","qos":1,"retain":1,"payloadlen":4,"mid":7');
  expect(printed("%J")).toContain('"payload":21.5}');
  expect(printed("%J", { payload: Uint8Array.of(123) })).toBe(" not JSON: a/b");
  expect(printed("%j", { payload: Uint8Array.of(0xff) })).toContain('"payload":"\ufffd"}');
});

test.each(["%z", "%", "%-", "%10", "@", "\\", "\\q", "%99999t", "%1.99999t"])("rejects %s", (format) => {
  expect(() => printed(format)).toThrow(ArgumentError);
});

test("accepts or rejects any text, and never fails otherwise", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."%@\\-0123456789.tpxXjJlmqrCDUIYN na") }), (format) => {
      try {
        printed(format);
      } catch (error) {
        expect(error).toBeInstanceOf(ArgumentError);
      }
    }),
  );
});
