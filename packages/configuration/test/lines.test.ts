// The lines of keys, in TOML and in JSON, and that both readers give the values that their peers give.
import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { expect, test } from "vitest";
import { readJson } from "../src/json-document.ts";
import type { Path } from "../src/line-tree.ts";
import { readToml } from "../src/toml-document.ts";

/** The line of each path, and of the path as a key that was not written. */
function linesOf(text: string, ...paths: Path[]): (number | undefined)[] {
  const document = readToml(text);
  return paths.map((path) => ("lines" in document ? document.lines.lineOf(path) : undefined));
}

test("keys are found behind comments, strings of several lines, and inline tables", () => {
  const text = `# [no]
a = """
b = 1
\\""" """"   # d
'b c'.d = '''
e = 1''''
"f\\u0041" = [ # g
  1, { h = "]", i.j = "}#" },
  [ 2,
    3 ] ]
[k.l]
m = { n = { o = 1 }, p = 2 } # q
[[r]]
[[r]]
s = 1
[[r.t]]
u = 1
[r.v]
w = 1`;
  expect(parse(text)).toMatchObject({ "b c": { d: "\ne = 1'".slice(1) } });
  expect(
    linesOf(text, ["a"], ["b c"], ["b c", "d"], ["fA"], ["fA", 1, "h"], ["fA", 1, "i", "j"], ["fA", 2, 1]),
  ).toEqual([2, 5, 5, 7, 8, 8, 10]);
  expect(linesOf(text, ["k", "l"], ["k", "l", "m", "n", "o"], ["k", "l", "m", "p"])).toEqual([11, 12, 12]);
  expect(linesOf(text, ["r", 0], ["r", 1], ["r", 1, "s"], ["r", 1, "t", 0, "u"], ["r", 1, "v", "w"])).toEqual([
    13, 14, 15, 17, 19,
  ]);
});

test("a key that is not written has the line of what would hold it", () => {
  expect(linesOf("[a]\n[[b]]\nc = 1\n", ["a", "x"], ["b", 0, "x", "y"], ["x"])).toEqual([1, 2, 1]);
});

test("lines that end with CR LF are counted once", () => {
  expect(linesOf("a = 1\r\n# c\r\n[b]\r\nc = 1\r\n", ["a"], ["b"], ["b", "c"])).toEqual([1, 3, 4]);
});

/** Values with keys that occur once, so that the line of a key is known from the text. */
const named = fc
  .object({ values: [fc.string(), fc.integer(), fc.boolean()], maxDepth: 4, maxKeys: 5 })
  .map((value) => renamed(value, { count: 0 }) as Record<string, unknown>);

function renamed(value: unknown, names: { count: number }): unknown {
  if (Array.isArray(value)) return value.map((each) => renamed(each, names));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.values(value).map((each) => [`key ${names.count++}.`, renamed(each, names)]));
}

function* pathsOf(value: unknown, path: Path = []): Generator<Path> {
  if (path.length > 0) yield path;
  if (typeof value !== "object" || value === null) return;
  for (const [key, each] of Object.entries(value))
    yield* pathsOf(each, [...path, Array.isArray(value) ? Number(key) : key]);
}

test.each([
  ["TOML", readToml, stringify],
  ["JSON", readJson, (value: unknown) => JSON.stringify(value, undefined, 1)],
])("each key of any %s is found in its line", (_, read, write) => {
  fc.assert(
    fc.property(named, (value) => {
      const text = write(value);
      const document = read(text);
      if (!("lines" in document)) throw new Error(document.message);
      expect(JSON.parse(JSON.stringify(document.value))).toEqual(JSON.parse(JSON.stringify(value)));
      const rows = text.split("\n");
      for (const path of pathsOf(value)) {
        const key = path.at(-1);
        if (typeof key === "string") expect(rows[document.lines.lineOf(path) - 1]).toContain(`"${key}"`);
      }
    }),
  );
});

test("JSON is what JSON.parse takes, with the same value", () => {
  const damaged = fc
    .tuple(
      fc.json({ maxDepth: 6 }),
      fc.nat(),
      fc.constantFrom("", '"', "{", "]", ",", ":", "\\", "1", "-", "e", "\n", "t", "\u0000"),
    )
    .map(
      ([text, at, piece]) => text.slice(0, at % (text.length + 1)) + piece + text.slice((at % (text.length + 1)) + 1),
    );
  fc.assert(
    fc.property(fc.oneof(fc.json({ maxDepth: 6 }), damaged, fc.string()), (text) => {
      const document = readJson(text);
      if ("lines" in document) expect(JSON.stringify(document.value)).toEqual(JSON.stringify(JSON.parse(text)));
      else if (!document.message.includes("already")) expect(() => JSON.parse(text)).toThrow();
    }),
    { numRuns: 2000 },
  );
});
