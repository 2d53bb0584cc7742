// The properties of a record in the spool: what comes back, and what another program may have written.
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeProperties, encodeProperties } from "../src/record-properties.ts";

test("user properties come back as they were", () => {
  const text = fc.string({ unit: "grapheme" });
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text)), (pairs) => {
      expect(decodeProperties(encodeProperties(pairs) as Uint8Array)).toEqual(pairs);
    }),
  );
});

test("bytes that are not properties are none", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(decodeProperties(bytes)).toEqual([]);
    }),
  );
  for (const text of ["{}", "[1]", '[["a"]]', '[["a",1]]', "null"]) {
    expect(decodeProperties(Buffer.from(text))).toEqual([]);
  }
});
