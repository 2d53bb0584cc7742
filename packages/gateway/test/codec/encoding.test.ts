// What each format makes of fields, and what it refuses: a device must never get something other than what was meant.
import { describe, expect, test } from "vitest";
import { createCodec } from "../../src/codec/codec.ts";
import type { DecodeSettings } from "../../src/configuration/configuration.ts";
import type { FieldValue } from "../../src/pipeline/outcome.ts";
import { field } from "../settings.ts";
import { codecOf, encoded } from "./codecs.ts";

type Row = [string, Record<string, FieldValue>, string];

const csv = '{ format = "csv", separator = ";", fields = ["a", "n:u8"] }';
const unquoted = '{ format = "csv", separator = ";", quote = "", fields = ["a", "n:u8"] }';
const text = '{ format = "text", template = "T={t:f32} N={name}, {x}" }';
const picked = '{ format = "json", pick = { t = "/s/0/t", h = "/s/1", on = "/on" }, fields = ["t:f32", "on:bool"] }';
const json =
  '{ format = "json", fields = ["n:u64", { name = "relay", type = "u8", values = { 0 = "off", 1 = "on" } }] }';

test.each<Row>([
  [csv, { a: "x", n: 7 }, "x;7"],
  [csv, { n: "7", a: true, extra: 1 }, "true;7"],
  [csv, { a: 'say "no"; or', n: 7 }, '"say ""no""; or";7'],
  [csv, { a: '"', n: 7 }, '"""";7'],
  [csv, { a: "", n: 0 }, ";0"],
  [csv, { a: "x\ny", n: 7 }, 'encode: field "a" "x\\u000ay": must not contain control characters'],
  [csv, { a: "x" }, 'encode: field "n" is missing'],
  [csv, { a: "x", n: 256 }, 'encode: field "n" 256: must be an integer from 0 to 255'],
  [csv, { a: "x", n: 1.5 }, 'encode: field "n" 1.5: must be an integer from 0 to 255'],
  [csv, { a: "x", n: null }, 'encode: field "n" null: must be a number'],
  [csv, { a: [1], n: 1 }, 'encode: field "a" an object or array: must be text'],
  [unquoted, { a: '"x', n: 7 }, '"x;7'],
  [unquoted, { a: "x;8", n: 7 }, 'encode: field "a" "x;8": must not contain the separator ";"'],
  [text, { t: 21.5, name: "p q", x: "a, b" }, "T=21.5 N=p q, a, b"],
  [text, { t: 21.5, name: "p, q", x: "" }, 'encode: field "name" "p, q": must not contain ", ", which ends it'],
  [text, { t: 21.5, name: "p,", x: "" }, "T=21.5 N=p,, "],
  [text, { t: 21.5, name: "p", x: "\r" }, 'encode: field "x" "\\u000d": must not contain control characters'],
  [
    '{ format = "text", template = "{a}--{b}" }',
    { a: "x-", b: "y" },
    'encode: field "a" "x-": must not contain "--", which ends it',
  ],
  [text, { t: "hot", name: "p", x: "" }, 'encode: field "t" "hot": must be a number'],
  [picked, { t: 5, h: [1], on: "off" }, '{"s":[{"t":5},[1]],"on":false}'],
  [picked, { on: true }, '{"on":true}'],
  [picked, { t: 5 }, '{"s":[{"t":5}]}'],
  [picked, { h: 1 }, 'encode: field "t" is missing, which stands before others in an array'],
  ['{ format = "json", pick = { all = "" } }', { all: { a: 1 } }, '{"a":1}'],
  ['{ format = "json", pick = { all = "" } }', {}, 'encode: field "all" is missing'],
  [json, { n: "18446744073709551615", relay: "on", x: 'a"b' }, '{"n":18446744073709551615,"relay":1,"x":"a\\"b"}'],
  ['{ format = "json", pick = { b = "/s/1", a = "/s/0" } }', { b: 2, a: 1 }, '{"s":[1,2]}'],
  [json, { n: "+9007199254740993" }, '{"n":9007199254740993}'],
  [csv, { a: "\x7f", n: 7 }, 'encode: field "a" "\\u007f": must not contain control characters'],
  [json, { n: "+00042" }, '{"n":42}'],
  [json, { relay: 1 }, 'encode: field "relay" "1": is the device\'s word for "on"; write that'],
  [json, { relay: null }, '{"relay":null}'],
  [json, { relay: 7 }, '{"relay":7}'],
])("%s encodes %j", (written, fields, expected) => {
  expect(encoded(codecOf(written), fields)).toBe(expected);
});

test("raw, hex and base64 encode the payload as it is", () => {
  expect(encoded(codecOf("'raw'"), { value: "as\nit is" })).toBe("as\nit is");
  expect(encoded(codecOf("'hex'"), { value: "0aFF" })).toBe("0aff");
  expect(encoded(codecOf("'base64'"), { value: "Cv8=" })).toBe("0aff");
  expect(encoded(codecOf("'hex'"), { value: "0af" })).toBe(
    'encode: field "value" "0af": must be pairs of hexadecimal digits',
  );
  for (const wrong of ["Cv8", "Cv9=", "Cv_=", "=v8C", "C==="]) {
    expect(encoded(codecOf("'base64'"), { value: wrong })).toContain("must be base64 with padding");
  }
});

describe("a number", () => {
  const encodedAs = (value: FieldValue, more: Parameters<typeof field>[2], type: "i16" | "f32" | "u64" = "i16") =>
    encoded(createCodec({ format: "raw", fields: [field("x", type, more)] }, "utf8"), { x: value });

  test("is divided by the scale and rounded to the type", () => {
    expect(encodedAs(21.5, { scale: 0.1 })).toBe("215");
    expect(encodedAs(21.57, { scale: 0.1 })).toBe("216");
    expect(encodedAs(-251.65, { scale: 0.01, offset: -273.15 })).toBe("2150");
    expect(encodedAs(0.3, { scale: 0.1 }, "f32")).toBe("3");
  });

  test("must be in its bounds and in the range of the type", () => {
    expect(encodedAs(90, { max: 85 })).toBe('encode: field "x" 90: must be at most 85');
    expect(encodedAs("-41", { min: -40 })).toBe('encode: field "x" "-41": must be at least -40');
    expect(encodedAs(4000, { scale: 0.1 })).toBe(
      'encode: field "x" 4000: is 40000 for the device, which must be an integer from -32768 to 32767',
    );
    expect(encodedAs(Number.NaN, {})).toBe('encode: field "x" NaN: is beyond the range of f64');
    expect(encodedAs("1e999", {}, "f32")).toBe('encode: field "x" "1e999": is beyond the range of f64');
    expect(encodedAs("18446744073709551616", {}, "u64")).toContain("must be an integer from 0 to 18446744073709551615");
  });
});

test("a value that two raw values stand for cannot be encoded, although decoding works", () => {
  const codec = codecOf('{ format = "csv", fields = [{ name = "a", values = { 0 = "off", 2 = "off" } }] }');
  expect(codec.oneWay).toBe('field "a": "off" stands for "0" and "2" in values; it cannot be encoded');
  expect(encoded(codec, { a: "off" })).toBe(`encode: ${codec.oneWay}`);
});

test.each([
  ['t = "/s/1"', "no field has the index 0 of an array, so that the index 1 cannot be encoded"],
  ['t = "/s", u = "/s"', '"u" and "t" have the same place; they cannot be encoded'],
  ['t = "/s", u = "/s/0"', '"t" contains the place of another field; they cannot be encoded'],
])("pointers that describe no document can be decoded only: %s", (pick, reason) => {
  expect(codecOf(`{ format = "json", pick = { ${pick} } }`).oneWay).toBe(`decode.pick: ${reason}`);
});

test("JSON that could not be decoded is not encoded", () => {
  const codec = codecOf(`{ format = "json", pick = { t = "${"/a".repeat(33)}" } }`);
  expect(encoded(codec, { t: 1 })).toContain("objects and arrays must not be nested more than 32 deep");
});

test("text that the encoding does not have is refused, never replaced", () => {
  const raw: DecodeSettings = { format: "raw", fields: [] };
  expect(encoded(codecOf(raw, "latin1"), { value: "1 €" })).toBe(
    "encode: the frame has a character that Latin-1 does not have",
  );
  expect(encoded(codecOf(raw), { value: "\ud800" })).toContain("half a surrogate pair");
  expect(encoded(codecOf(raw, "hex"), { value: "xy" })).toContain("not pairs of hexadecimal digits");
  expect(codecOf(raw, "hex").encode(new Map([["value", "41"]]))).toEqual(Uint8Array.of(0x41));
});
