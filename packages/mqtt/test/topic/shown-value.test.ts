import { expect, test } from "vitest";
import { shownValue } from "../../src/topic/shown-value.ts";

class Thing {}

test.each([
  ["text", '"text"'],
  ["two\nlines", '"two\\u000alines"'],
  ["x".repeat(100), `"${"x".repeat(80)}…"`],
  [undefined, "undefined"],
  [null, "null"],
  [5, "5"],
  [1n, "1n"],
  [true, "true"],
  [Symbol("a"), "Symbol(a)"],
  [{}, "{…}"],
  [[1, 2], "[…]"],
  [Object.create(null), "{…}"],
  [new Thing(), "Thing {…}"],
  [new Date(0), "Date {…}"],
  [Thing, "class Thing"],
  [function named() {}, "function named"],
  [() => "a", "function"],
])("a value is shown in a short form on one line, and its type is visible: %s", (value, shown) => {
  expect(shownValue(value)).toBe(shown);
});
