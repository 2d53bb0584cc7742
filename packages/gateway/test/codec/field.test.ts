import fc from "fast-check";
import { expect, test } from "vitest";
import { Field } from "../../src/codec/field.ts";
import type { FieldSettings, FieldType } from "../../src/configuration/configuration.ts";
import { Failure } from "../../src/failure.ts";
import type { FieldValue } from "../../src/pipeline/outcome.ts";
import { field } from "../settings.ts";

function read(type: FieldType, text: string, more: Partial<FieldSettings> = {}): unknown {
  return plain(new Field(field("x", type, more)).fromText(text));
}

function plain(value: FieldValue | Failure): unknown {
  return value instanceof Failure ? value.detail.replace('field "x" ', "") : value;
}

test.each<[FieldType, string, unknown]>([
  ["text", " a ", " a "],
  ["number", "21.5", 21.5],
  ["number", " \t+021.50 ", 21.5],
  ["number", "-1e3", -1000],
  ["number", "9007199254740993", "9007199254740993"],
  ["number", "", '"": must be a number'],
  ["number", "1.", '"1.": must be a number'],
  ["number", ".5", '".5": must be a number'],
  ["number", "1e", '"1e": must be a number'],
  ["number", "0x10", '"0x10": must be a number'],
  ["number", "Infinity", '"Infinity": must be a number'],
  ["number", "1 2", '"1 2": must be a number'],
  ["number", "1e999", '"1e999": is beyond the range of f64'],
  ["u8", "255", 255],
  ["u8", "256", '"256": must be an integer from 0 to 255'],
  ["u8", "-1", '"-1": must be an integer from 0 to 255'],
  ["u8", "1.5", '"1.5": must be an integer from 0 to 255'],
  ["i8", "-128", -128],
  ["u16", "65535", 65535],
  ["i16", "-32769", '"-32769": must be an integer from -32768 to 32767'],
  ["u24", "16777215", 16777215],
  ["u32", "4294967295", 4294967295],
  ["i32", "-2147483648", -2147483648],
  ["u64", "42", 42],
  ["u64", "18446744073709551615", "18446744073709551615"],
  ["u64", "18446744073709551616", '"18446744073709551616": must be an integer from 0 to 18446744073709551615'],
  ["u64", "-9007199254740993", '"-9007199254740993": must be an integer from 0 to 18446744073709551615'],
  ["u64", "1.5", '"1.5": must be an integer from 0 to 18446744073709551615'],
  ["f32", "3.4e38", 3.4e38],
  ["f32", "3.5e38", '"3.5e38": is beyond the range of f32'],
  ["f64", "1e308", 1e308],
  ["bool", "ON", true],
  ["bool", "no", false],
  ["bool", "maybe", '"maybe": must be true, false, 1, 0, on, off, yes or no'],
  ["json", '{"a":[1]}', { a: [1] }],
  ["json", "{", "JSON, at character 2, the end: a name in quotation marks is expected"],
])("%s %j", (type, text, expected) => {
  expect(read(type, text)).toEqual(expected);
});

test("a value is multiplied by the scale before the offset is added, without a trace of binary fractions", () => {
  expect(read("u16", "3", { scale: 0.1 })).toBe(0.3);
  expect(read("i16", "2150", { scale: 0.01, offset: -273.15 })).toBe(-251.65);
  expect(read("f64", "1e308", { scale: 10 })).toBe('"1e308": is beyond the range of f64 once scaled');
});

test("bounds hold for the scaled value", () => {
  const bounds = { scale: 0.1, min: -40, max: 85 };
  expect(read("i16", "850", bounds)).toBe(85);
  expect(read("i16", "851", bounds)).toBe("85.1: must be at most 85");
  expect(read("i16", "-401", bounds)).toBe("-40.1: must be at least -40");
});

test("a raw value may stand for another value; one that is not listed is converted by its type", () => {
  const values = { "0": "off", "1": "on", ok: true };
  expect(["0", "1", "ok", "2", "constructor"].map((text) => read("text", text, { values }))).toEqual([
    "off",
    "on",
    true,
    "2",
    "constructor",
  ]);
  const json = new Field(field("x", "u8", { values }));
  expect([0, "1", true, 2, null].map((value) => plain(json.fromJson(value)))).toEqual([
    "off",
    "on",
    "true: must be a number",
    2,
    null,
  ]);
  expect(plain(new Field(field("x", "json", { values })).fromJson("0"))).toBe("off");
});

test("details are short and on one line whatever the value is", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc.constantFrom<FieldType>("u8", "bool", "json"),
      (text, type) => {
        const value = new Field(field("x", type)).fromText(text);
        if (!(value instanceof Failure)) return;
        expect(value.detail.length).toBeLessThan(400);
        for (const character of value.detail) expect(character >= " " && character !== "\x7f").toBe(true);
      },
    ),
  );
});
