// A document with each part of the mechanism: what is read, all problems at once, the schema and the reference.
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "smol-toml";
import { expect, test } from "vitest";
import {
  choice,
  duration,
  integer,
  list,
  optional,
  preset,
  problemText,
  readDocument,
  reference,
  required,
  schemaDocument,
  secret,
  size,
  table,
  text,
  variants,
} from "../src/index.ts";

const lamp = table({
  title: '[[device]], kind = "lamp"',
  about: "A lamp.",
  fields: {
    kind: required(choice("lamp"), "The kind."),
    fade: preset(duration("0ms", "10s"), "500ms", "How long the lamp takes to change."),
  },
  build: ({ kind, fade }) => ({ kind, fade }),
});

const house = table({
  title: "the configuration",
  about: "",
  fields: {
    room: required(text(1, 64), "The room."),
    memory: preset(size("1KiB", "1MiB"), "64KiB", "The memory."),
    key: optional(secret(), "The key."),
    floor: preset(integer(-1, 9), 0, "The floor."),
    device: optional(
      list(variants("kind", { lamp }, { oven: "is not supported by this house" }), 1, 4),
      "The devices.",
    ),
  },
  refused: { garden: "is not part of a house; remove it" },
  check({ values: { floor, memory }, place }) {
    if (floor === -1 && memory === 1024) place.at("floor").problem("requires more memory");
  },
  build: (values) => values,
});

const options = {
  file: "house.toml",
  environment: { KEY: "s3cret" },
  readFile: () => "from a file\n",
  repeatable: ["device"],
};

const read = (content: string, file = options.file) => readDocument(content, house, { ...options, file });
const problemsOf = (content: string): string[] => (read(content).problems ?? []).map(problemText);

test("values have precise types, and what is not written has its default", () => {
  expect(read(`room = "attic"\nkey = "\${KEY}"\n[[device]]\nkind = "lamp"\nfade = "2s"`).value).toEqual({
    room: "attic",
    memory: 65_536,
    key: "s3cret",
    floor: 0,
    device: [{ kind: "lamp", fade: 2000 }],
  });
});

test("a file whose name ends with .json is read as JSON", () => {
  expect(read('{ "room": "attic", "key": "file:/key" }', "house.json").value).toMatchObject({ key: "from a file" });
});

test("all problems are listed at once, in the order of the lines", () => {
  expect(
    problemsOf('rooom = "attic"\nmemory = "2MiB"\ngarden = 1\n[[device]]\nkind = "lamb"\n[[device]]\nkind = "oven"'),
  ).toMatchInlineSnapshot(`
      [
        "house.toml:1: rooom: unknown key "rooom"; did you mean "room"?",
        "house.toml:1: room: is required and missing; its type is text",
        "house.toml:2: memory: must be a size from 1KiB to 1MiB as a string with its unit (B, KiB, MiB or GiB), not "2MiB"",
        "house.toml:3: garden: is not part of a house; remove it",
        "house.toml:5: device[0].kind: must be one of "lamp" (did you mean "lamp"?), not "lamb"",
        "house.toml:7: device[1].kind: "oven" is not supported by this house; it supports "lamp"",
      ]
    `);
});

test("rules between fields are checked", () => {
  expect(problemsOf('room = "attic"\nmemory = "1KiB"\nfloor = -1')).toEqual([
    "house.toml:3: floor: requires more memory",
  ]);
});

test("a section that may be repeated has a hint if it is written twice without double brackets", () => {
  expect(problemsOf('room = "attic"\n[device]\nkind = "lamp"\n[device]\nkind = "lamp"')).toEqual([
    "house.toml:4: is not valid TOML: trying to redefine an already defined table or value; write [[device]] for each of several",
  ]);
});

test("at most 200 problems are listed", () => {
  expect(problemsOf(Array.from({ length: 1000 }, (_, i) => `key${i} = 1`).join("\n"))).toHaveLength(200);
});

test("a text of more than 1,048,576 characters is not read", () => {
  expect(problemsOf("#".repeat(2 ** 20 + 1))).toEqual(["house.toml:1: is longer than 1048576 characters"]);
});

test("a problem is one line, whatever the file is called", () => {
  const [problem] = read("a = 1", "a\n\u001b[2J\u2028.toml").problems ?? [];
  expect(problem === undefined ? "" : problemText(problem)).toMatch(/^a\\u000a\\u001b\[2J\\u2028\.toml:1: a: /);
});

test("a secret is in no message", () => {
  expect(problemsOf(`room = "attic"\nkey = "x\${KEY}"`).join()).not.toContain("x$");
  expect(problemsOf("room = 1\nkey = 1234").join()).not.toContain("1234");
});

test("the schema accepts what is read, and rejects unknown keys", () => {
  const schema = schemaDocument("A house", house);
  const isValid = new Ajv2020({ strict: true }).compile(schema);
  expect(schema).toMatchObject({ title: "A house", $schema: "https://json-schema.org/draft/2020-12/schema" });
  expect(isValid(parse('room = "attic"\n[[device]]\nkind = "lamp"'))).toBe(true);
  expect(isValid(parse('rooom = "attic"'))).toBe(false);
});

test("the reference has a section for each table, with its keys", () => {
  expect(reference("# House\n", house)).toBe(`# House

## [[device]], kind = "lamp"

A lamp.

| key | type | default | meaning |
|---|---|---|---|
| \`kind\` | "lamp" | required | The kind. |
| \`fade\` | duration 0ms–10s | \`"500ms"\` | How long the lamp takes to change. |
`);
});
