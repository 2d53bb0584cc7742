// Decoding and encoding are inverses: what was encoded is decoded to the same fields, for each format and for each type.
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Codec, createCodec } from "../../src/codec/codec.ts";
import type { DecodeSettings, FieldType } from "../../src/configuration/configuration.ts";
import { Failure } from "../../src/failure.ts";
import type { FieldValue } from "../../src/pipeline/outcome.ts";
import { anyBytes, anyDecode } from "../pipeline/any-pipeline.ts";
import { field } from "../settings.ts";
import { codecOf, mapOf, there } from "./codecs.ts";

/** Texts in which each character has a meaning in some format. */
const tricky = fc
  .array(fc.constantFrom(..."ab;,'\"\\(){}?*$! \t\n\r\0|:=%é€1.-/~#", "🌡", "true", "21"), { maxLength: 12 })
  .map((parts) => parts.join(""));

const more = { values: { "0": "off", "1": "on", "7": true } } as const;
const fields = [
  field("name"),
  field("t", "i16", { scale: 0.1, offset: -40 }),
  field("n", "u64"),
  field("b", "bool"),
  field("v", "u8", more),
];

const record = fc.record({
  name: tricky,
  t: fc.integer({ min: -32_768, max: 32_767 }).map((raw) => Number((raw * 0.1 - 40).toPrecision(15))),
  n: fc.oneof(fc.nat(), fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }).map(String)),
  b: fc.boolean(),
  v: fc.oneof(fc.constantFrom("off", "on", true), fc.integer({ min: 8, max: 255 })),
});

const text = (template: string): DecodeSettings => ({ format: "text", template, fields });

const formats: [string, DecodeSettings][] = [
  ["csv", { format: "csv", separator: ";", quote: '"', fields }],
  ["csv without quotation", { format: "csv", separator: ",", quote: "", fields }],
  ["csv with tabs", { format: "csv", separator: "\t", quote: "'", fields }],
  ["json", { format: "json", pick: {}, fields }],
  ["json, pick", { format: "json", pick: { name: "/a/0/x", t: "/a/1", n: "/b~1/~0", b: "/b~1/0", v: "//" }, fields }],
  ["text", text("{v} {t}; {n}: {b}, {name}")],
  ["text, the tricky field first", text("{name}; {t} {n} {b} {v}%")],
  ["sexpr", { format: "sexpr", envelope: undefined, template: undefined, fields }],
  ["sexpr in an envelope", { format: "sexpr", envelope: "(node {name} {t} …)", template: undefined, fields }],
  ["nmea", { format: "nmea", sentences: { XYZ: fields.slice(0, 5) }, fields }],
];

test.each(formats)("%s: fields that are encoded are decoded to the same fields", (_, settings) => {
  const codec = createCodec(settings, "utf8");
  let count = 0;
  fc.assert(
    fc.property(record, (values) => {
      const given = mapOf({ ...values, ...(settings.format === "nmea" ? { talker: "GP", sentence: "XYZ" } : {}) });
      const found = there(codec, given);
      if (found === undefined) return;
      count++;
      expect(Object.fromEntries(found)).toEqual(Object.fromEntries(given));
    }),
    { numRuns: 1000 },
  );
  // The property says something: most records can be encoded, if not all of their texts.
  expect(count).toBeGreaterThan(50);
});

test("what a format refuses is refused for its text: any other text is encoded", () => {
  const plain = fc.stringMatching(/^[a-z][a-z0-9_]{0,9}$/);
  fc.assert(
    fc.property(fc.constantFrom(...formats), record, plain, ([, settings], values, name) => {
      const given = mapOf({ ...values, name, talker: "GP", sentence: "XYZ" });
      expect(createCodec(settings, "utf8").encode(given)).not.toBeInstanceOf(Failure);
    }),
  );
});

test("any value of JSON without types is the same in JSON, and in S-expressions if it has no object", () => {
  const json = codecOf("'json'");
  const sexpr = codecOf("'sexpr'");
  const name = fc.oneof(tricky, fc.string());
  const leaf = fc.oneof(
    tricky,
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.integer(),
    fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .filter((each) => !Object.is(each, -0) && Math.abs(each) < 2 ** 53),
  );
  const { list } = fc.letrec<{ value: FieldValue; list: FieldValue }>((tie) => ({
    value: fc.oneof({ depthSize: "small" }, leaf, tie("list")),
    list: fc.array(tie("value"), { maxLength: 4 }),
  }));
  const value = fc.oneof(leaf, list);
  fc.assert(
    fc.property(fc.dictionary(name, value, { maxKeys: 4 }), (given) => {
      for (const codec of [json, sexpr]) {
        const found = there(codec, mapOf(given));
        if (found !== undefined) expect([...found]).toEqual([...mapOf(given)]);
        else expect(codec).toBe(sexpr);
      }
    }),
    { numRuns: 2000 },
  );
});

test("hex, base64 and raw keep any frame", () => {
  const codecs: Codec[] = [codecOf("'hex'"), codecOf("'base64'"), codecOf("'raw'", "latin1"), codecOf("'raw'", "hex")];
  fc.assert(
    fc.property(fc.constantFrom(...codecs), fc.uint8Array({ maxLength: 40 }), (codec, bytes) => {
      const found = codec.decode(bytes);
      if (found instanceof Failure) throw new Error(found.detail);
      expect(codec.encode(found)).toEqual(bytes);
      if (codec === codecs[1]) expect(found.get("value")).toBe(Buffer.from(bytes).toString("base64"));
    }),
  );
});

const INTEGERS: [FieldType, number, number][] = [
  ["u8", 0, 255],
  ["i8", -128, 127],
  ["u16", 0, 65_535],
  ["i16", -32_768, 32_767],
  ["u24", 0, 16_777_215],
  ["u32", 0, 4_294_967_295],
  ["i32", -2_147_483_648, 2_147_483_647],
];

test.each(INTEGERS)("a scaled %s of the device is the same after decoding and encoding", (type, min, max) => {
  const scale = fc.constantFrom(0.1, 0.01, 0.001, 0.5, 3, -0.1, 1e-6, 1 / 3);
  const offset = fc.constantFrom(0, -40, -273.15, 1000);
  fc.assert(
    fc.property(fc.integer({ min, max }), scale, offset, (raw, factor, added) => {
      const settings = field("x", type, { scale: factor, offset: added });
      const codec = createCodec({ format: "raw", fields: [settings] }, "utf8");
      const found = codec.decode(Buffer.from(String(raw)));
      if (found instanceof Failure) throw new Error(found.detail);
      const frame = codec.encode(found);
      expect(frame instanceof Failure ? frame.detail : Buffer.from(frame).toString()).toBe(String(raw));
    }),
    { numRuns: 300 },
  );
});

test("whatever is decoded from any bytes is decoded the same once it was encoded", () => {
  const near = (value: FieldValue | undefined): unknown =>
    typeof value === "number" ? Number(value.toPrecision(12)) : value;
  fc.assert(
    fc.property(anyDecode, fc.constantFrom("utf8", "latin1"), anyBytes, (settings, encoding, bytes) => {
      const codec = createCodec(settings, encoding);
      const found = codec.decode(bytes);
      if (found instanceof Failure) return;
      const again = there(codec, found);
      if (again === undefined) return;
      expect([...again].map(([name, value]) => [name, near(value)])).toEqual(
        [...found].map(([name, value]) => [name, near(value)]),
      );
    }),
    { numRuns: 5000 },
  );
});

test("values of any kind are encoded or refused, and nothing throws", () => {
  const value = fc.oneof(
    fc.jsonValue() as fc.Arbitrary<FieldValue>,
    tricky,
    fc.double(),
    fc.string({ unit: "binary" }),
  );
  const given = fc.dictionary(fc.constantFrom("node", "t", "n", "b", "value", "talker", "sentence", "a b", ""), value);
  fc.assert(
    fc.property(anyDecode, given, (settings, values) => {
      const codec = createCodec(settings, "utf8");
      const frame = codec.encode(mapOf(values));
      if (!(frame instanceof Failure)) {
        expect(codec.decode(frame)).not.toBeInstanceOf(Failure);
        return;
      }
      expect(frame.reason).toBe("encode");
      expect(frame.detail).toMatch(/^[^\p{Cc}\u2028\u2029]{3,400}$/u);
    }),
    { numRuns: 5000 },
  );
});
