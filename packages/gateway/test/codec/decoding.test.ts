import { describe, expect, test } from "vitest";
import { createCodec } from "../../src/codec/codec.ts";
import type { DecodeSettings } from "../../src/configuration/configuration.ts";
import { Failure } from "../../src/failure.ts";
import { bytesOf, csv, field, fieldsOf, json } from "../settings.ts";

function decoded(settings: DecodeSettings, text: string): unknown {
  const found = createCodec(settings, "utf8").decode(bytesOf(text));
  if (!(found instanceof Failure)) return fieldsOf(found);
  expect(found.reason).toBe("decode");
  return found.detail;
}

describe("json", () => {
  const pick = (pointers: Record<string, string>): DecodeSettings => ({ format: "json", pick: pointers, fields: [] });

  test.each<[string, DecodeSettings, string, unknown]>([
    ["members of the object", json(), '{"t":21.5,"on":true,"x":null,"l":[1]}', { t: 21.5, on: true, x: null, l: [1] }],
    ["fields with types", json(field("t", "f32"), field("n")), '{"t":"21.5","n":7,"x":1}', { t: 21.5, n: "7", x: 1 }],
    ["a declared field that is missing", json(field("t", "f32")), "{}", {}],
    ["null, which is no value", json(field("t", "f32")), '{"t":null}', { t: null }],
    [
      "what pointers point at",
      pick({ t: "/s/0/t", all: "", no: "/s/1", len: "/s/length" }),
      '{"s":[{"t":5}]}',
      {
        t: 5,
        all: { s: [{ t: 5 }] },
      },
    ],
    ["escaped pointers", pick({ a: "/a~1b", b: "/~01", c: "/" }), '{"a/b":1,"~1":2,"":3}', { a: 1, b: 2, c: 3 }],
    ["nothing that is inherited", pick({ a: "/constructor", b: "/toString" }), "{}", {}],
    ["__proto__ as a name", json(), '{"__proto__":1}', Object.fromEntries([["__proto__", 1]])],
  ])("gives %s", (_, settings, text, expected) => {
    expect(decoded(settings, text)).toEqual(expected);
  });

  test.each<[string, DecodeSettings, string]>([
    ["[1]", json(), 'JSON, at character 1, "[1]": the frame must be a JSON object'],
    ['{"t":"x"}', json(field("t", "f32")), 'field "t" "x": must be a number'],
    ['{"t":[1]}', json(field("t", "f32")), 'field "t" an object or array: must be a number'],
    ['{"t":true}', json(field("t", "f32")), 'field "t" true: must be a number'],
    ['{"t":{}}', json(field("t")), 'field "t" an object or array: must be text'],
    ['{"t":2}', json(field("t", "bool")), 'field "t" "2": must be true, false, 1, 0, on, off, yes or no'],
  ])("refuses %s", (text, settings, detail) => {
    expect(decoded(settings, text)).toBe(detail);
  });

  test("refuses a pointer that is none, when the settings are read", () => {
    expect(() => createCodec(pick({ t: "s/t" }), "utf8")).toThrow('decode.pick.t: "s/t" must be a JSON pointer');
  });
});

describe("csv", () => {
  const three = csv(field("a"), field("b"), field("c"));

  test.each<[string, unknown]>([
    ["1;2;3", { a: "1", b: "2", c: "3" }],
    [";;", { a: "", b: "", c: "" }],
    ['"x;y";"say ""no""";""', { a: "x;y", b: 'say "no"', c: "" }],
    ['a"b; c ;"""', "column 3: the quotation has no end"],
    ['"""";2;3', { a: '"', b: "2", c: "3" }],
    ['"a"b;2;3', 'column 1: "b;2;3" must not follow the end of the quotation'],
    ['"a;2;3', "column 1: the quotation has no end"],
    ["1;2", "CSV: the line has 2 columns, but the configuration has 3 fields"],
    ["1;2;3;", "CSV: the line has 4 or more columns, but the configuration has 3 fields"],
    ["1;2;3;4;5", "CSV: the line has 4 or more columns, but the configuration has 3 fields"],
    ["", "CSV: the line has 1 column, but the configuration has 3 fields"],
  ])("%j", (text, expected) => {
    expect(decoded(three, text)).toEqual(expected);
  });

  test("an empty frame is one empty column", () => {
    expect(decoded(csv(field("a")), "")).toEqual({ a: "" });
  });

  test("separators may be longer than a character, and quotation may be off", () => {
    const settings: DecodeSettings = { format: "csv", separator: ", ", quote: "", fields: [field("a"), field("b")] };
    expect(decoded(settings, '"x, y')).toEqual({ a: '"x', b: "y" });
  });

  test("settings that cannot be used are refused", () => {
    const settings = { format: "csv", separator: "", quote: "", fields: [] } as const;
    expect(() => createCodec(settings, "utf8")).toThrow("decode.separator: must not be empty");
    expect(() => createCodec({ ...settings, separator: ";", quote: "''" }, "utf8")).toThrow(
      "must be one character, or empty",
    );
  });
});

describe("text", () => {
  const text = (template: string, ...fields: ReturnType<typeof field>[]): DecodeSettings => ({
    format: "text",
    template,
    fields,
  });
  const meter = text("T={temp:f32} H={hum:u8}%", field("temp", "text", { unit: "C", scale: 2 }));

  test.each<[DecodeSettings, string, unknown]>([
    [meter, "T=21.5 H=40%", { temp: 43, hum: 40 }],
    [meter, "T=21.5 H=40", 'text, at character 10, "40": "%" is expected'],
    [meter, "T=21.5 H=40% ", 'text, at character 10, "40% ": "%" is expected'],
    [meter, "t=21.5 H=40%", 'text, at character 1, "t=21.5 H=40%": "T=" is expected'],
    [meter, "T=21.5", 'text, at character 3, "21.5": " H=" is expected'],
    [meter, "T=", 'text, at character 3, the end: " H=" is expected'],
    [meter, "T=x H=40%", 'field "temp" "x": must be a number'],
    [text("{a},{b}"), "1,2,3", { a: "1", b: "2,3" }],
    [text("{a}--{b}-"), "1---2-", { a: "1", b: "-2" }],
    [text("{a}"), "", { a: "" }],
    [text("ping"), "ping", {}],
    [text("ping"), "pings", 'text, at character 5, "s": the end is expected'],
    [text("<{a}>"), "<", 'text, at character 2, the end: ">" is expected'],
    [text('{"t":{t:f32}}'), '{"t":5}', { t: 5 }],
  ])("%# %j", (settings, input, expected) => {
    expect(decoded(settings, input)).toEqual(expected);
  });

  test("templates that cannot be used are refused", () => {
    expect(() => createCodec(text("{a}{b}"), "utf8")).toThrow("there must be text between two fields");
    expect(() => createCodec(text("{a:f31}"), "utf8")).toThrow('"f31" is not a type; the types are text, number');
  });
});

describe("raw", () => {
  test("the frame is the field value", () => {
    expect(decoded({ format: "raw", fields: [] }, "a b")).toEqual({ value: "a b" });
  });

  test("the frame may have a name and a type", () => {
    const settings: DecodeSettings = { format: "raw", fields: [field("t", "u8")] };
    expect(decoded(settings, "7")).toEqual({ t: 7 });
    expect(decoded(settings, "256")).toBe('field "t" "256": must be an integer from 0 to 255');
  });
});
