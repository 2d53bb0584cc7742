import { describe, expect, test } from "vitest";
import type { DecodeSettings } from "../../src/configuration/configuration.ts";
import type { FieldValue } from "../../src/pipeline/outcome.ts";
import { bytesOf, field } from "../settings.ts";
import { codecOf, decoded, encoded } from "./codecs.ts";

const enveloped = codecOf('{ format = "sexpr", envelope = "(node {node} {time} …)" }');
const plain = codecOf('"sexpr"');
const typed = codecOf(
  '{ format = "sexpr", fields = ["id:text", { name = "t", type = "i16", unit = "C", scale = 0.1 }, "on:bool"] }',
);

describe("the lines of an Aiko node", () => {
  test.each<[string, unknown]>([
    ["(node pebble_1 ? (temperature 21.5 C)(relay on))", { node: "pebble_1", temperature: 21.5, relay: "on" }],
    ["(node pebble_1 1290000000 (temperature 21.5 C))", { node: "pebble_1", time: "1290000000", temperature: 21.5 }],
    ["(node pebble_1 ? (relay on));", { node: "pebble_1", relay: "on" }],
    ["; a debug line\n ( node p ?\t(a 1) ) ; comment", { node: "p", a: 1 }],
    ["(node 0042 ?)", { node: "0042" }],
    ["(node p)", "decode: sexpr: the frame has 2 items, but the envelope has 3"],
    ["(nod p ?)", 'decode: sexpr: "nod" must be "node", as in the envelope'],
    ["(node (p) ?)", "decode: sexpr: item 2 is a list, but the envelope has none there"],
    ["(node p ?)(node q ?)", "decode: sexpr: the frame has 2 lists; the envelope is one"],
    ["(node p ? x)", 'decode: sexpr: "x" must be a list with a field\'s name and value'],
    ["(node p ? (node q))", 'decode: sexpr: the field "node" stands twice'],
    ["(node ? ? (node q))", 'decode: sexpr: the field "node" stands twice'],
    ["(node p ? (a 1)(a 2))", 'decode: sexpr: the field "a" stands twice'],
    ["(node p ? ())", "decode: sexpr: a list must begin with a field's name"],
    ["(node p ? (a 1)", "decode: sexpr, at character 16, the end: the list has no end"],
    ["(node p ? (a 1)))", 'decode: sexpr, at character 17, ")": "(" is expected'],
    ["node p", 'decode: sexpr, at character 1, "node p": "(" is expected'],
    ["", 'decode: sexpr, at character 1, the end: "(" is expected'],
  ])("%j", (line, expected) => {
    expect(decoded(enveloped, line)).toEqual(expected);
  });

  test("have units, which are known for explain", () => {
    const line = bytesOf("(node p ? (temperature 21.5 C)(relay on)(rgb 1 2))");
    expect([...enveloped.units(line)]).toEqual([["temperature", "C"]]);
  });

  test("are written as they came", () => {
    const line = "(node pebble_1 ? (temperature 21.5)(relay on))";
    expect(encoded(enveloped, { node: "pebble_1", temperature: 21.5, relay: "on" })).toBe(line);
  });
});

test.each<[string, unknown]>([
  ["(a 1)(b x)(c true)(d ?)(e)", { a: 1, b: "x", c: true, d: null, e: [] }],
  ['(a "1")(b "?")(c "a \\"b\\" \\\\")', { a: "1", b: "?", c: 'a "b" \\' }],
  ["(a 1 2)(b 1 C)(c x y z)(d 1 ?)", { a: [1, 2], b: 1, c: ["x", "y", "z"], d: [1, null] }],
  ['(a 1 "C")(b 1 true)', { a: [1, "C"], b: [1, true] }],
  ["(gps (1 (2 x)) 5)(one (1))", { gps: [[1, [2, "x"]], 5], one: [1] }],
  ["(a 0042)(b +1)(c 9007199254740993)(d -1.5e3)", { a: "0042", b: "+1", c: "9007199254740993", d: -1500 }],
  ['(a "x', "decode: sexpr, at character 6, the end: the string has no end"],
  ["((a) 1)", "decode: sexpr: a list must begin with a field's name"],
  [`(a ${"(".repeat(32)}`, 'decode: sexpr, at character 35, "(": lists must not be nested more than 32 deep'],
])("without an envelope and types, %j gives its values", (line, expected) => {
  expect(decoded(plain, line)).toEqual(expected);
});

test("values have the types of the configuration", () => {
  expect(decoded(typed, "(id 0042)(t 215 C)(on 1)(x 1)")).toEqual({ id: "0042", t: 21.5, on: true, x: 1 });
  expect(decoded(typed, "(t x)")).toBe('decode: field "t" "x": must be a number');
  expect(decoded(typed, "(t 1 2)")).toBe('decode: field "t" an object or array: must be a number');
  expect(decoded(typed, "(t ?)")).toEqual({ t: null });
});

test.each<[Record<string, FieldValue>, string]>([
  [{ id: "0042", t: 21.5, on: true }, "(id 0042)(t 215 C)(on true)"],
  [{ id: "a)(b 1" }, '(id "a)(b 1")'],
  [{ id: 'x" y\\' }, '(id "x\\" y\\\\")'],
  [{ id: "?" }, '(id "?")'],
  [{ id: "" }, '(id "")'],
  [{ id: "a;b" }, '(id "a;b")'],
  [{ x: "21" }, '(x "21")'],
  [{ x: [1, 2], y: [1, 2, "a b"], z: [] }, '(x (1 2))(y 1 2 "a b")(z)'],
  [{ "a b": 1 }, '("a b" 1)'],
  [{ id: "a\nb" }, 'encode: field "id" "a\\u000ab": must not contain control characters'],
  [{ x: "a\nb" }, 'encode: field "x" "a\\u000ab": must not contain control characters'],
  [{ x: { a: 1 } }, 'encode: field "x" an object or array: must not be an object, which an S-expression does not have'],
  [{ "": 1 }, 'encode: sexpr: "" cannot be the name of a field'],
  [{}, "encode: sexpr: there is no field to encode"],
])("%j is written so that it is read the same", (fields, expected) => {
  expect(encoded(typed, fields)).toBe(expected);
});

describe("a template", () => {
  const command = (template: string, ...fields: ReturnType<typeof field>[]): DecodeSettings => ({
    format: "sexpr",
    envelope: undefined,
    template,
    fields,
  });
  const relay = codecOf(command("(relay {value});\n"));

  test.each<[FieldValue, string]>([
    ["on", "(relay on);\n"],
    [5, "(relay 5);\n"],
    ["21", "(relay 21);\n"],
    ["on)(reset", '(relay "on)(reset");\n'],
    ["?", '(relay "?");\n'],
    ["on;\n(reset", 'encode: field "value" "on;\\u000a(reset": must not contain control characters'],
    [null, 'encode: field "value" null: must be text'],
  ])("has %j as one atom", (value, expected) => {
    expect(encoded(relay, { value })).toBe(expected);
  });

  test("escapes a value in a string, and refuses what would end an atom", () => {
    const codec = codecOf(command('(say "to {who}: {text}" relay_{n} {a}{b})'));
    const fields = { who: "p", text: '") (reset', n: 1, a: "x", b: "y" };
    expect(encoded(codec, fields)).toBe('(say "to p: \\") (reset" relay_1 xy)');
    expect(encoded(codec, { ...fields, n: "1 2" })).toContain('field "n" "1 2": must be a part of an atom');
    expect(encoded(codec, { ...fields, b: "" })).toContain('field "b" "": must be a part of an atom');
  });

  test("needs all of its fields, with their types", () => {
    expect(encoded(relay, {})).toBe('encode: field "value" is missing');
    const values = { off: "OFF", on: "ON" };
    const switched = codecOf(command("(relay {value})", field("value", "text", { values })));
    expect(encoded(switched, { value: "ON" })).toBe("(relay on)");
    expect(encoded(switched, { value: "on" })).toContain('is the device\'s word for "ON"');
  });
});

test("a unit that is not an atom, and an envelope that is none, are refused", () => {
  const codec = codecOf('{ format = "sexpr", fields = [{ name = "a", type = "u8", unit = "a b" }] }');
  expect(encoded(codec, { a: 1 })).toBe('encode: field "a" 1: has the unit "a b", which is not an atom');
  expect(() => codecOf({ format: "sexpr", envelope: "node", template: undefined, fields: [] })).toThrow(
    'decode.envelope: "node" must be an envelope',
  );
});
