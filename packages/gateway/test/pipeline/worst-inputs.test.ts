import { expect, test } from "vitest";
import type { StdinSettings } from "../../src/configuration/configuration.ts";
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

/** Milliseconds that the fastest of some runs takes: the others were disturbed. */
function fastest(settings: Partial<StdinSettings>, input: string): number {
  const bytes = new Uint8Array(Buffer.from(`${input}\n`));
  let best = Infinity;
  for (let run = 0; run < 7; run++) {
    const wire = wireOf({ frame: { kind: "line" }, first: "keep", maxFrame: 10 * SIZE, ...settings });
    const started = performance.now();
    wire.push(bytes, 0);
    best = Math.min(best, performance.now() - started);
  }
  return best;
}

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
  ["UTF-8", {}, (size) => "€".repeat(size / 3)],
])("%s take linear time", (_, settings, input) => {
  const short = fastest(settings, input(SIZE));
  const long = fastest(settings, input(4 * SIZE));
  expect(long).toBeLessThan(10 * short + 100);
});
