// Whatever is in a file, reading it gives a configuration or problems, and the schema accepts what the broker accepts.
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { expect, test } from "vitest";
import { parseBrokerOptions } from "../../src/options/broker-options.ts";
import { Rules } from "../../src/rules/rules.ts";
import { readBrokerConfiguration } from "../../src/service/read-broker-configuration.ts";
import { brokerSchema } from "../../src/service/schema.ts";
import { eachKey, example, options } from "./samples.ts";

const isValid = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(brokerSchema());

type Holder = Record<string | number, unknown>;

/** Each place of a sample: the path of a value that can be replaced. */
function placesOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, each]) => placesOf(each, [...path, key]))];
}

const samples = [example, eachKey];
const places = samples.flatMap((text) =>
  placesOf(parse(text)).flatMap((path) => (path.length > 0 ? [[text, path] as const] : [])),
);

function replaced(text: string, path: readonly string[], value: unknown): unknown {
  const root: unknown = JSON.parse(JSON.stringify(parse(text)));
  const holder = path.slice(0, -1).reduce((each, key) => (each as Holder)[key], root) as Holder;
  holder[path.at(-1) ?? ""] = value;
  return root;
}

function expectAnswer(text: string, file: string): boolean {
  const { configuration, problems } = readBrokerConfiguration(text, { ...options, file });
  expect((configuration === undefined) !== (problems === undefined)).toBe(true);
  if (configuration !== undefined) {
    // What the configuration accepts, the broker accepts.
    const { limits, options: fixed, rules, listeners } = configuration;
    const terms = listeners.map(({ url, tls, name, mode, maximumConnections, allowedOrigins }) => ({
      ...{ url, tls, name, mode, maximumConnections },
      ...(allowedOrigins.length > 0 && { allowedOrigins }),
    }));
    parseBrokerOptions({ ...limits, ...fixed, listeners: terms });
    new Rules(rules);
  }
  const count = text.split("\n").length;
  for (const { line, message } of problems ?? []) {
    expect(line).toBeGreaterThanOrEqual(1);
    expect(line).toBeLessThanOrEqual(count);
    expect(message).not.toBe("");
  }
  return configuration !== undefined;
}

const strange = fc.constantFrom(
  "__proto__",
  "constructor",
  "file:",
  "${",
  "\ud800",
  "unix:",
  "unix:\u0000",
  "mqtt://[::]:0",
  "mqtt://[::1",
  "ws://a",
  "0B",
  "0s",
  "%u",
  "$share/a/b",
  "$SYS/%u",
  "$%u",
  "#",
  "\n",
  "/ca.pem",
  "/cert.pem",
);

test("any value in any place gives a configuration or problems", () => {
  const value = fc.oneof(
    fc.jsonValue(),
    strange,
    fc.integer({ min: -2, max: 2 ** 33 }),
    fc.object({ key: fc.oneof(strange, fc.string()) }),
    fc.array(strange),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(fc.constantFrom(...places), value, ([sample, path], each) => {
      const root = replaced(sample, path, each);
      if (expectAnswer(JSON.stringify(root, undefined, 1), "b.json"))
        expect(isValid(JSON.parse(JSON.stringify(root)))).toBe(true);
      let text: string;
      try {
        text = stringify(root);
      } catch {
        return; // TOML has no null
      }
      expectAnswer(text, "b.toml");
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
        expectAnswer(text.slice(0, at) + piece + text.slice(at + count), "b.toml");
      },
    ),
    { numRuns: 1000 },
  );
});

test.each([
  ["many listeners", "[[listener]]\nurl = 'unix:/a'\n".repeat(30_000)],
  ["many rules", "[[rule]]\nallow = 'read'\ntopics = 'a'\n".repeat(25_000)],
  ["many topics", `[[rule]]\nallow = 'read'\ntopics = [${"'a',".repeat(200_000)}]`],
  ["a long topic", `[[rule]]\nallow = 'read'\ntopics = '${"a/".repeat(500_000)}'`],
  ["a long URL", `[[listener]]\nurl = 'mqtt://${"a".repeat(1_000_000)}'`],
])("1 MiB of %s is answered", (_, text) => {
  expectAnswer(text, "b.toml");
});

test("the schema accepts the samples, is JSON, and describes each key", () => {
  for (const text of ["", example, eachKey]) expect(isValid(parse(text))).toBe(true);
  const schema = brokerSchema();
  expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
  const undescribed: string[] = [];
  JSON.stringify(schema, (_, value) => {
    for (const [name, each] of Object.entries(value?.properties ?? {})) {
      if (!Object(each).description) undescribed.push(name);
    }
    return value;
  });
  expect(undescribed).toEqual([]);
});
