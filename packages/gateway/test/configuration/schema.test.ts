import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { parse } from "smol-toml";
import { expect, test } from "vitest";
import { readConfiguration } from "../../src/configuration/read-configuration.ts";
import { jsonSchema } from "../../src/configuration/schema.ts";
import { example, formats, options, toml } from "./samples.ts";

const isValid = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(jsonSchema());

// What the schema refuses, the gateway refuses too: problems.test.ts. The other direction is here.
test.each([
  ["the smallest configuration", toml()],
  ["the configuration with each field", example],
  ["the configuration with each format", formats],
])("the schema accepts %s", (_, text) => {
  expect(isValid(parse(text))).toBe(true);
});

test("the schema is JSON, and describes each field", () => {
  const schema = jsonSchema();
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

test("the schema accepts whatever the gateway accepts", () => {
  const fields = ["shutdown", "base", "timestamps", "log", "log_format"];
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom("1s", "100ms", "5m", "ms", "{gateway}", "a/{gateway}", "{{", "error", "json", 0),
  );
  fc.assert(
    fc.property(fc.constantFrom(...fields), value, (field, each) => {
      const root = { ...parse(toml()), gateway: { id: "a", [field]: each } };
      const { problems } = readConfiguration(JSON.stringify(root), { ...options, file: "g.json" });
      if (problems === undefined) expect(isValid(JSON.parse(JSON.stringify(root)))).toBe(true);
    }),
    { numRuns: 1000 },
  );
});
