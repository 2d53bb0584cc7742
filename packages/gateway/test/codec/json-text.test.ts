import fc from "fast-check";
import { expect, test } from "vitest";
import { parseJson } from "../../src/codec/json-text.ts";
import { Failure } from "../../src/failure.ts";
import { jsonObject } from "../../src/text/json-writer.ts";

function parsed(text: string): unknown {
  const value = parseJson(text);
  return value instanceof Failure ? `! ${value.detail}` : value;
}

test("reads what JSON.stringify writes", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5, noUnicodeString: false }), (value) => {
      // A number that a double would change is kept as text; the doubles of the property are exact.
      const text = JSON.stringify(value, (_, each) => (Number.isInteger(each) && Math.abs(each) > 2 ** 53 ? 1 : each));
      expect(parseJson(text)).toEqual(JSON.parse(text));
    }),
    { numRuns: 300 },
  );
});

const fragment = fc.constantFrom(...'{}[]:,"\\-+.eE019 \t\nua', "true", "false", "null", '"a"', "\\u00e9", "\u0000");

test("accepts what JSON.parse accepts, but for names that stand twice and deep nesting", () => {
  fc.assert(
    fc.property(
      fc.array(fragment, { maxLength: 12 }).map((parts) => parts.join("")),
      (text) => {
        let expected: unknown;
        try {
          expected = JSON.parse(text);
        } catch {
          expect(parseJson(text)).toBeInstanceOf(Failure);
          return;
        }
        const value = parseJson(text);
        if (value instanceof Failure) expect(value.detail).toContain("stands twice");
        else if (typeof value !== "string" || typeof expected === "string") expect(value).toEqual(expected);
      },
    ),
    { numRuns: 2000 },
  );
});

test.each([
  ["9007199254740991", 9007199254740991],
  ["9007199254740993", "9007199254740993"],
  ["-9007199254740993", "-9007199254740993"],
  ["[18446744073709551615]", ["18446744073709551615"]],
  ["1e400", "1e400"],
  ["1e300", 1e300],
  ["12345678901234567890.5", 12345678901234567000],
  ["0.1234567890123456789", 0.12345678901234568],
  ['"18446744073709551615"', "18446744073709551615"],
])("%s keeps its value", (text, expected) => {
  expect(parsed(text)).toEqual(expected);
});

test.each([
  ["", "JSON, at character 1, the end: a value is expected"],
  ["{", "JSON, at character 2, the end: a name in quotation marks is expected"],
  ["{a:1}", 'JSON, at character 2, "a:1}": a name in quotation marks is expected'],
  ['{"a" 1}', 'JSON, at character 6, "1}": ":" is expected'],
  ['{"a":1,}', 'JSON, at character 8, "}": a name in quotation marks is expected'],
  ['{"a":1 "b"', 'JSON, at character 8, ""b"": "," or "}" is expected'],
  ['{"a":1,"a":2}', 'JSON, at character 8, ""a":2}": the name "a" stands twice in one object'],
  ["[1 2]", 'JSON, at character 4, "2]": "," or "]" is expected'],
  ["01", 'JSON, at character 2, "1": nothing may follow the document'],
  ["1.", 'JSON, at character 1, "1.": the number is not valid'],
  ['"a', "JSON, at character 3, the end: the string has no end"],
  ['"\n"', 'JSON, at character 2, "\\u000a"": a control character in a string must be escaped'],
  ['"\\x"', 'JSON, at character 2, "\\x"": the escape sequence is not valid'],
  ['"\\u12"', 'JSON, at character 2, "\\u12"": the escape sequence is not valid'],
  ["nul", 'JSON, at character 1, "nul": a value is expected'],
  ["1 1", 'JSON, at character 3, "1": nothing may follow the document'],
  ["\ufeff1", 'JSON, at character 1, "\ufeff1": a value is expected'],
  ["NaN", 'JSON, at character 1, "NaN": a value is expected'],
])("%j is refused, and the error names the place", (text, detail) => {
  expect(parsed(text)).toBe(`! ${detail}`);
});

test("objects and arrays may be nested 32 deep", () => {
  expect(parsed("[".repeat(32) + "]".repeat(32))).toBeInstanceOf(Array);
  expect(parsed("[".repeat(33) + "]".repeat(33))).toContain("nested more than 32 deep");
  expect(parsed('{"a":'.repeat(1_000_000))).toContain("nested more than 32 deep");
});

test("a document cannot change an object's prototype", () => {
  const value = parseJson('{"a":{"__proto__":{"polluted":true},"constructor":1}}') as { a: object };
  expect(Object.getPrototypeOf(value.a)).toBe(Object.prototype);
  expect(JSON.stringify(value)).toBe('{"a":{"__proto__":{"polluted":true},"constructor":1}}');
});

test("writes what JSON.stringify writes", () => {
  const value = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.string(), value, { noNullPrototype: true }), (object) => {
      const fields = new Map(Object.entries(object)) as unknown as Parameters<typeof jsonObject>[0];
      expect(jsonObject(fields, undefined)).toBe(JSON.stringify(Object.fromEntries(fields)));
    }),
    { numRuns: 300 },
  );
  expect(jsonObject(new Map(), 5)).toBe('{"time":5}');
  expect(jsonObject(new Map([["a", 1]]), "now")).toBe('{"a":1,"time":"now"}');
});
