import { expect, test } from "vitest";
import { effort } from "../../../../test/fixtures/effort.ts";
import { undisturbed } from "../../../../test/fixtures/undisturbed.ts";
import type { StdinSettings } from "../../src/configuration/configuration.ts";
import { decodeOf } from "../codec/codecs.ts";
import { csv, field, json, wireOf } from "../settings.ts";

const SIZE = 65_536;

/** Counts the characters and bytes that are looked at: time differs from run to run, steps do not. */
function steps(settings: Partial<StdinSettings>, input: string): number {
  let count = 0;
  const bytes = new Proxy(new Uint8Array(Buffer.from(input)), {
    get(target, key) {
      count++;
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const wire = wireOf({ frame: { kind: "line" }, first: "keep", maxFrame: SIZE, ...settings });
  wire.push(bytes, 0);
  return count;
}

test("the framer looks at each byte once, whatever ends the lines", () => {
  const ordinary = steps({ maxFrame: 200 }, `${"x".repeat(99)}\n`.repeat(SIZE / 128));
  for (const worst of ["\n".repeat(SIZE / 2), "\r\n".repeat(SIZE / 4), "x".repeat(SIZE / 2), "x\r".repeat(SIZE / 4)]) {
    expect(steps({ maxFrame: 200 }, worst)).toBeLessThan(3 * ordinary);
  }
});

/** Milliseconds of processor time. */
function timeOf(settings: Partial<StdinSettings>, input: string): Promise<number> {
  const bytes = new Uint8Array(Buffer.from(`${input}\n`));
  return effort(() => {
    const wire = wireOf({ frame: { kind: "line" }, first: "keep", maxFrame: 10 * SIZE, ...settings });
    wire.push(bytes, 0);
  }, 7);
}

const sexpr = (envelope?: string): Partial<StdinSettings> => ({
  decode: { format: "sexpr", envelope, template: undefined, fields: [] },
});
const nmea: Partial<StdinSettings> = {
  decode: { format: "nmea", sentences: { X: [field("a", "nmea_lat")] }, fields: [] },
};
const datagram = (decode: StdinSettings["decode"]): Partial<StdinSettings> => ({ decode, frame: { kind: "datagram" } });
const text = (template: string): StdinSettings["decode"] => ({ format: "text", template, fields: [] });

// Time that grows with the square would take minutes; the rest is
// room for a machine that does other things.
test.each<[string, Partial<StdinSettings>, (size: number) => string]>([
  ["deep arrays", { decode: json() }, (size) => `{"a":[[${"[".repeat(size)}`],
  [
    "many members",
    { decode: json() },
    (size) => `{${Array.from({ length: size / 8 }, (_, i) => `"a${i}":1`).join(",")}}`,
  ],
  ["escapes", { decode: json() }, (size) => `{"a":"${"\\n".repeat(size / 2)}"}`],
  ["long numbers", { decode: json() }, (size) => `{"a":${"9".repeat(size)}}`],
  ["a string without an end", { decode: json() }, (size) => `{"a":"${"x".repeat(size)}`],
  ["doubled quotes", { decode: csv(field("a")) }, (size) => `"${'""'.repeat(size / 2)}`],
  ["too many columns", { decode: csv(field("a")) }, (size) => ";".repeat(size)],
  ["nearly the literal", { decode: text("{a}aaaaaaab{b}") }, (size) => "a".repeat(size)],
  ["blanks around a number", { decode: csv(field("a", "u8")) }, (size) => `${" ".repeat(size)}x`],
  ["escaped topics", { topic: "{value}" }, (size) => "+".repeat(size)],
  ["escaped answers", { acknowledge: "{value}" }, (size) => "\x01".repeat(size)],
  ["deep lists", sexpr(), (size) => "(".repeat(size)],
  ["many empty lists", sexpr(), (size) => `(a${"()".repeat(size / 2)})`],
  [
    "many fields in lists",
    sexpr("(x …)"),
    (size) => `(x${Array.from({ length: size / 8 }, (_, i) => `(a${i} 1)`).join("")})`,
  ],
  ["escapes in strings", sexpr(), (size) => `(a "${"\\\\".repeat(size / 2)}")`],
  ["comments", sexpr(), (size) => `${";\t".repeat(size / 2)}(`],
  ["many columns of a sentence", nmea, (size) => `$GPX${",".repeat(size)}`],
  ["a long latitude", nmea, (size) => `$GPX,${"9".repeat(size)},N`],
  ["many stars", nmea, (size) => `$GPX${"*".repeat(size)}`],
  ["hexadecimal digits", datagram({ format: "hex", fields: [] }), (size) => "x".repeat(size)],
  ["base64", datagram({ format: "base64", fields: [] }), (size) => "x".repeat(size)],
  [
    "all bytes that are left",
    datagram(decodeOf('{ format = "binary", fields = ["a:bytes"] }')),
    (size) => "x".repeat(size),
  ],
  ["UTF-8", {}, (size) => "€".repeat(size / 3)],
])("%s take linear time", (_, settings, input) =>
  undisturbed(async () => {
    const short = await timeOf(settings, input(SIZE));
    const long = await timeOf(settings, input(4 * SIZE));
    expect(long).toBeLessThan(10 * short + 100);
  }),
);

// Bounded by three times the ordinary input of the same length and format, not only by its growth.
test.each<[string, Partial<StdinSettings>, string, string]>([
  [
    "csv",
    { decode: csv(...Array.from({ length: 200 }, (_, i) => field(`a${i}`))) },
    `${"abcdefg;".repeat(199)}x`,
    '"";"'.repeat(400),
  ],
  ["json", { decode: json() }, `{"a":[${'"abc",'.repeat(2000)}1]}`, `{"a":${"[".repeat(12_000)}`],
  ["sexpr", sexpr(), `(a${" (b 1 x)".repeat(1500)})`, `(a "${"\\a".repeat(6000)}")`],
  ["sexpr, comments", sexpr(), `(a${" (b 1 x)".repeat(1500)})`, ";".repeat(12_000)],
  ["nmea", nmea, `$GPX,4807.038,N${",123.45".repeat(1700)}`, `$GPX${",".repeat(12_000)}`],
])("%s: the worst input takes at most three times the ordinary time", (_, settings, ordinary, worst) =>
  undisturbed(async () => {
    expect(await timeOf(settings, worst)).toBeLessThan(3 * (await timeOf(settings, ordinary)) + 1);
  }),
);
