// Binary frames against Node's Buffer, and by example.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Failure } from "../../src/failure.ts";
import type { FieldValue } from "../../src/pipeline/outcome.ts";
import { codecOf, decoded, encoded, hexOf, mapOf } from "./codecs.ts";

const scale = codecOf(
  '{ format = "binary", fields = [{ const = "A5" }, { name = "kg", type = "i32", scale = 0.001 }] }',
);
const status = codecOf(
  '{ format = "binary", fields = ["low:bits(0,3)", { name = "on", type = "bits(3,1)", values = { 0 = "no", 1 = "yes" } }, "top:bits(7,1)", "next:bits(0,8)", "ok:bool"] }',
);
const mixed = codecOf(
  '{ format = "binary", endian = "little", fields = ["n:u16", { name = "big", type = "u16", endian = "big" }, "id:hex(2)", "list:bytes(2)", "name:text(4)", "count:bcd(2)"] }',
);
const placed = codecOf(
  '{ format = "binary", fields = [{ name = "b", type = "u8", at = 4 }, { name = "a", type = "u8", at = 1 }] }',
);
const open = codecOf('{ format = "binary", fields = ["n:u8", "rest:text"] }');

test.each([
  ["constants and scaled numbers", scale, "a5 000004d2", { kg: 1.234 }],
  ["bits of one byte, and of the next", status, "8d ff 01", { low: 5, on: "yes", top: 1, next: 255, ok: true }],
  [
    "orders of bytes, text, lists and decimal digits",
    mixed,
    "0102 0102 abcd 00ff 61620000 3412",
    {
      n: 0x0201,
      big: 0x0102,
      id: "abcd",
      list: [0, 255],
      name: "ab",
      count: 1234,
    },
  ],
  ["fields at their places", placed, "00 07 00 00 09", { b: 9, a: 7 }],
  ["all bytes that are left", open, "05 c3a4 00", { n: 5, rest: "ä\0" }],
  ["nothing that is left", open, "05", { n: 5, rest: "" }],
])("%s", (_, codec, frame, fields) => {
  expect(decoded(codec, frame)).toEqual(fields);
  expect(encoded(codec, fields as Record<string, FieldValue>)).toBe(frame.replaceAll(" ", ""));
});

test.each([
  [scale, "a4 00000000", "decode: byte 0 is 0xa4, but the configuration has 0xa5"],
  [scale, "a5 000000", "decode: the frame has 4 bytes, but the fields need 5"],
  [scale, "a5 0000000000", "decode: the frame has 6 bytes, but the fields need 5"],
  [open, "", "decode: the frame has 0 bytes, but the fields need at least 1"],
  [open, "05 ff", 'decode: field "rest" 0xff: is not UTF-8, at byte 1 of the frame'],
  [status, "00 00 02", 'decode: field "ok" 2: must be 0 or 1'],
  [mixed, "0102 0102 abcd 00ff 61620000 3a12", 'decode: field "count" 0x3a12: must have decimal digits only'],
])("%# refuses %s", (codec, frame, detail) => {
  expect(decoded(codec, frame)).toBe(detail);
});

const full = { n: 1, big: 2, id: "abcd", list: [0, 255], name: "ab", count: 12 };

test.each<[Record<string, FieldValue>, string]>([
  [{ ...full, n: 65_536 }, 'field "n" 65536: must be an integer from 0 to 65535'],
  [{ ...full, id: "abc" }, 'field "id" "abc": must be hexadecimal digits of 2 bytes'],
  [{ ...full, id: "abcdef" }, 'field "id" "abcdef": must be hexadecimal digits of 2 bytes'],
  [{ ...full, list: [0] }, 'field "list" an object or array: must be a list of 2 integers from 0 to 255'],
  [{ ...full, list: [0, 256] }, 'field "list" an object or array: must be a list of 2 integers from 0 to 255'],
  [{ ...full, name: "abcde" }, 'field "name" "abcde": has 5 bytes; it must have at most 4'],
  [{ ...full, name: "a\0" }, 'field "name" "a\\u0000": must not contain NUL, which fills it up'],
  [{ ...full, count: 10_000 }, 'field "count" 10000: must have at most 4 digits'],
  [{ ...full, count: -1 }, 'field "count" -1: must be an integer from 0 to 18446744073709551615'],
  [{ ...full, name: [1] }, 'field "name" an object or array: must be text'],
])("%j cannot be encoded", (fields, detail) => {
  expect(encoded(mixed, fields)).toBe(`encode: ${detail}`);
});

test("each field must be there, and bits must fit", () => {
  for (const name of Object.keys(full)) {
    const lacking = mapOf(full);
    lacking.delete(name);
    expect(mixed.encode(lacking)).toMatchObject({ reason: "encode", detail: `field "${name}" is missing` });
  }
  expect(encoded(status, { low: 8, on: "yes", top: 0, next: 0, ok: 1 })).toBe(
    'encode: field "low" 8: must be an integer from 0 to 7',
  );
  expect(encoded(status, { low: 1, on: 1, top: 0, next: 0, ok: 1 })).toBe(
    'encode: field "on" "1": is the device\'s word for "yes"; write that',
  );
});

test("text has the encoding of the source", () => {
  const latin = codecOf('{ format = "binary", fields = ["a:text(2)"] }', "latin1");
  expect(decoded(latin, "e4 00")).toEqual({ a: "ä" });
  expect(encoded(latin, { a: "€" })).toBe(
    'encode: field "a" "€": has a character that the encoding latin1 does not have',
  );
});

test("a number that is not finite is no value", () => {
  const codec = codecOf('{ format = "binary", fields = ["a:f32"] }');
  expect(decoded(codec, "7fc00000")).toBe('decode: field "a" NaN: is beyond the range of f32');
  expect(decoded(codec, "3dcccccd")).toEqual({ a: 0.1 });
});

describe("as Node's Buffer reads them", () => {
  type Reader = (bytes: Buffer) => number | bigint;
  const readers: Record<string, { size: number; big: Reader; little: Reader }> = {
    u8: { size: 1, big: (b) => b.readUInt8(), little: (b) => b.readUInt8() },
    i8: { size: 1, big: (b) => b.readInt8(), little: (b) => b.readInt8() },
    u16: { size: 2, big: (b) => b.readUInt16BE(), little: (b) => b.readUInt16LE() },
    i16: { size: 2, big: (b) => b.readInt16BE(), little: (b) => b.readInt16LE() },
    u24: { size: 3, big: (b) => b.readUIntBE(0, 3), little: (b) => b.readUIntLE(0, 3) },
    u32: { size: 4, big: (b) => b.readUInt32BE(), little: (b) => b.readUInt32LE() },
    i32: { size: 4, big: (b) => b.readInt32BE(), little: (b) => b.readInt32LE() },
    u64: { size: 8, big: (b) => b.readBigUInt64BE(), little: (b) => b.readBigUInt64LE() },
    f32: { size: 4, big: (b) => b.readFloatBE(), little: (b) => b.readFloatLE() },
    f64: { size: 8, big: (b) => b.readDoubleBE(), little: (b) => b.readDoubleLE() },
  };

  /** The bytes in the order that `big` has, or `little` where two orders are combined. */
  const straight = (bytes: Uint8Array, endian: string): Buffer => {
    const copy = Buffer.from(bytes);
    if (endian === "badc") return copy.length % 2 === 0 ? copy.swap16() : copy;
    if (endian === "cdab") return copy.length % 2 === 0 ? Buffer.from(copy.swap16()).reverse() : copy;
    return endian === "little" ? Buffer.from(copy).reverse() : copy;
  };

  const cases = Object.keys(readers).flatMap((type) =>
    (type === "u24" ? ["big", "little"] : ["big", "little", "cdab", "badc"]).map((endian) => [type, endian] as const),
  );

  test.each(cases)("%s, %s", (type, endian) => {
    const { size, big, little } = readers[type] as (typeof readers)[string];
    const codec = codecOf(`{ format = "binary", endian = "${endian}", fields = ["x:${type}"] }`);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: size, maxLength: size }), (bytes) => {
        const expected = endian === "little" ? little(Buffer.from(bytes)) : big(straight(bytes, endian));
        const found = codec.decode(bytes);
        if (!Number.isFinite(Number(expected))) {
          expect(found).toBeInstanceOf(Failure);
          return;
        }
        if (found instanceof Failure) throw new Error(found.detail);
        const value = found.get("x");
        if (type === "f32") expect(Math.fround(Number(value))).toBe(expected);
        else if (type === "u64") expect(BigInt(value as string)).toBe(expected);
        else expect(value).toBe(expected);
        const frame = codec.encode(found);
        expect(frame instanceof Failure ? frame.detail : hexOf(frame)).toBe(hexOf(bytes));
      }),
    );
  });
});

test("any bytes that are decoded are encoded to the same bytes", () => {
  const codecs = [scale, status, mixed, placed, open];
  fc.assert(
    fc.property(fc.constantFrom(...codecs), fc.uint8Array({ maxLength: 18 }), (codec, bytes) => {
      const found = codec.decode(bytes);
      if (found instanceof Failure) return;
      const frame = codec.encode(found);
      if (frame instanceof Failure) throw new Error(frame.detail);
      // Bytes and bits that no field has are 0.
      expect(codec.decode(frame)).toEqual(found);
      if (codec === scale || codec === open) expect(hexOf(frame)).toBe(hexOf(bytes));
    }),
    { numRuns: 3000 },
  );
});
