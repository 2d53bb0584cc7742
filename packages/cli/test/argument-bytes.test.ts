import fc from "fast-check";
import { expect, test } from "vitest";
import { payloadOf, textOfBytes } from "../src/argument-bytes.ts";

test("any bytes can be restored from the text that holds them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const payload = payloadOf(textOfBytes(bytes));
      expect(Buffer.from(payload as string)).toEqual(Buffer.from(bytes));
    }),
  );
});

test("text stays the same, including U+FFFD and a byte order mark", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(textOfBytes(Buffer.from(text))).toBe(text);
      expect(payloadOf(text)).toBe(text);
    }),
  );
  expect(textOfBytes(Buffer.from("\ufeffa\ufffd😀"))).toBe("\ufeffa\ufffd😀");
});

test.each([
  [[0xff, 0xfe], "\udcff\udcfe"],
  [[0x61, 0xe2, 0x98], "a\udce2\udc98"],
  [[0xed, 0xb2, 0x80], "\udced\udcb2\udc80"],
  [[0xc3, 0xbc, 0x80], "ü\udc80"],
])("%j is preserved", (bytes, text) => {
  expect(textOfBytes(Uint8Array.from(bytes))).toBe(text);
});
