// Whatever is in a file, reading it gives a configuration or problems, in a time that grows with the text only.
import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { expect, test } from "vitest";
import { readConfiguration } from "../../src/configuration/read-configuration.ts";
import { createPipeline } from "../../src/pipeline/pipeline.ts";
import { example, formats, options } from "./samples.ts";

type Holder = Record<string | number, unknown>;

/** Each place of the example: the path of a value that can be replaced. */
function placesOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, each]) => placesOf(each, [...path, key]))];
}

const samples = [example, formats];
const places = samples.flatMap((text) =>
  placesOf(parse(text)).flatMap((path) => (path.length > 0 ? [[text, path] as const] : [])),
);

function replaced(text: string, path: readonly string[], value: unknown): unknown {
  const root: unknown = JSON.parse(JSON.stringify(parse(text)));
  const last = path.at(-1) ?? "";
  const holder = path.slice(0, -1).reduce((each, key) => (each as Holder)[key], root) as Holder;
  holder[last] = value;
  return root;
}

function expectAnswer(text: string, file: string): void {
  const { configuration, problems } = readConfiguration(text, { ...options, file });
  expect((configuration === undefined) !== (problems === undefined)).toBe(true);
  // What the configuration accepts, the pipeline accepts.
  if (configuration !== undefined) {
    const { gateway, sources } = configuration;
    for (const source of sources) createPipeline(source, gateway, { wallTime: () => 0 });
  }
  if (problems === undefined) return;
  expect(problems.length).toBeGreaterThan(0);
  const lines = text.split("\n").length;
  for (const { line, message } of problems) {
    expect(line).toBeGreaterThanOrEqual(1);
    expect(line).toBeLessThanOrEqual(lines);
    expect(message).not.toBe("");
  }
}

const strange = fc.constantFrom(
  "__proto__",
  "constructor",
  "{",
  "}",
  "{}",
  "file:",
  "${",
  "\ud800",
  "a:",
  ":1",
  "[::]:",
  "group:",
  "0s",
  "\n",
  "a:bits(0,3)",
  "a:text(2)",
  "-",
  "(a {b} …)",
);

test("any value in any place gives a configuration or problems", () => {
  const value = fc.oneof(
    fc.jsonValue(),
    strange,
    fc.object({ key: fc.oneof(strange, fc.string()) }),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(fc.constantFrom(...places), value, ([sample, path], each) => {
      const root = replaced(sample, path, each);
      expectAnswer(JSON.stringify(root, undefined, 1), "g.json");
      let text: string;
      try {
        text = stringify(root);
      } catch {
        return; // TOML has no null
      }
      expectAnswer(text, "g.toml");
    }),
    { numRuns: 1000 },
  );
});

test("any change of a character gives a configuration or problems", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...samples),
      fc.nat(),
      fc.nat(3),
      fc.oneof(fc.string(), strange),
      (text, place, count, piece) => {
        const at = place % text.length;
        expectAnswer(text.slice(0, at) + piece + text.slice(at + count), "g.toml");
      },
    ),
    { numRuns: 2000 },
  );
});

const LENGTH = 2 ** 20;
const filled = (piece: string): string => piece.repeat(Math.floor(LENGTH / piece.length));

test.each([
  ["[", filled("[")],
  ["{", filled("{")],
  ["a = [[[…", `a = ${filled("[").slice(4)}`],
  ["a.a.a…", `${filled("a.").slice(10)}a = 1`],
  ["[a.a.a…]", `[${filled("a.").slice(10)}a]`],
  ['"', `a = ${filled('"').slice(4)}`],
  ["many tables", filled("[[source]]\n")],
  ["many keys", Array.from({ length: 50_000 }, (_, i) => `key${i} = 1`).join("\n")],
  ["many fields", `[[source]]\nkind = "stdin"\nfields = [${filled('"a",').slice(60)}]`],
  ["many braces", `[gateway]\nbase = "${filled("{a}").slice(60)}"`],
  ["a long key", `${filled("k").slice(10)} = 1`],
  ["a long text", `[gateway]\nid = "${filled("x").slice(60)}"`],
])("1 MiB of %s is answered", (_, text) => {
  expectAnswer(text, "g.toml");
  expectAnswer(text, "g.json");
});
