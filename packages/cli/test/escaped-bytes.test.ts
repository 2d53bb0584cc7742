import fc from "fast-check";
import { expect, test } from "vitest";
import { escapedBytes } from "../src/escaped-bytes.ts";

const escaped = (bytes: readonly number[] | string, keepsLines = false): string =>
  Buffer.from(
    escapedBytes(typeof bytes === "string" ? Buffer.from(bytes) : Uint8Array.from(bytes), keepsLines),
  ).toString();

test.each([
  ["ESC and BEL", "\u001b]0;title\u0007", "\\x1b]0;title\\x07"],
  ["a carriage return, which overwrites the line", "safe\r", "safe\\x0d"],
  ["DEL", "a\u007f", "a\\x7f"],
  ["the 8-bit forms of escapes", "\u009b2J\u0085", "\\xc2\\x9b2J\\xc2\\x85"],
  ["NUL", "\0", "\\x00"],
])("%s is shown as text", (_, text, shown) => {
  for (const keepsLines of [true, false]) expect(escaped(text, keepsLines)).toBe(shown);
});

test("tabs and line feeds stay only if the caller keeps them", () => {
  expect(escaped("a\tb\n", true)).toBe("a\tb\n");
  expect(escaped("a\tb\n")).toBe("a\\x09b\\x0a");
});

test.each([
  ["bare bytes", [0x9b, 0x41, 0xff], "\\x9bA\\xff"],
  ["an overlong escape", [0xc0, 0x9b], "\\xc0\\x9b"],
  ["half of a surrogate pair", [0xed, 0xa0, 0x80], "\\xed\\xa0\\x80"],
  ["a truncated character", [0xe2, 0x98], "\\xe2\\x98"],
  ["a character that is interrupted by another one", [0xe2, 0x98, 0x41], "\\xe2\\x98A"],
])("invalid UTF-8 is shown as text: %s", (_, bytes, shown) => {
  expect(escaped(bytes)).toBe(shown);
});

test("text without control characters is unchanged", () => {
  const text = Buffer.from("grüße ☃ 𝄞 \u00a0");
  expect(escapedBytes(text, false)).toBe(text);
});

test("for any input, the result is UTF-8 without control characters, and nothing else is changed", () => {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const some = fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.string({ unit: "binary", maxLength: 8 }).map((text) => new Uint8Array(Buffer.from(text))),
  );
  fc.assert(
    fc.property(some, some, (first, second) => {
      const bytes = Buffer.concat([first, second]);
      const result = escapedBytes(bytes, false);
      expect(decoder.decode(result)).not.toMatch(/\p{Cc}/u);
      if (!bytes.includes("\\x")) {
        const back = Buffer.from(result)
          .toString("latin1")
          .replaceAll(/\\x(..)/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 16)));
        expect(Buffer.from(back, "latin1").equals(bytes)).toBe(true);
      }
    }),
    { numRuns: 1_000 },
  );
});
