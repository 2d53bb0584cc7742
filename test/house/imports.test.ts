import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { libraryViolations, packageViolations } from "./layers.ts";
import { filesBelow, importsOf, readSource } from "./source.ts";

const library = "packages/mqtt/src";
const entriesOf = (manifest: string): string[] => {
  const { name, exports } = JSON.parse(readSource(manifest).text);
  return Object.keys(exports)
    .filter((key) => key !== "./package.json")
    .map((key) => `${name}${key.slice(1)}`);
};
const libraryEntries = entriesOf("packages/mqtt/package.json");
const brokerEntries = entriesOf("packages/broker/package.json");
const storeEntries = entriesOf("packages/store/package.json");
const configurationEntries = entriesOf("packages/configuration/package.json");
const gatewayEntries = entriesOf("packages/gateway/package.json");
const sources = (folder: string) => filesBelow(folder).filter((path) => path.endsWith(".ts"));

test("checks that run before the build import nothing that is built", () => {
  const files = [
    ...["bench", "examples", "runtimes", "scripts", "test"].flatMap((folder) => filesBelow(folder)),
    ...filesBelow("packages").filter((path) => path.split("/")[2] === "test"),
  ].filter((path) => /\.[jt]s$/.test(path));
  const built = (path: string) =>
    importsOf(readSource(path)).filter(({ specifier }) => specifier.startsWith(".") && specifier.includes("/dist/"));
  expect(files.length).toBeGreaterThan(0);
  expect(files.flatMap((path) => built(path).map(({ line }) => `${path}:${line}`))).toEqual([]);
});

test("no file of the library imports upward or sideways", () => {
  const files = sources(library);
  expect(files.length).toBeGreaterThan(0);
  expect(files.flatMap((path) => libraryViolations(readSource(path)))).toEqual([]);
});

test.each([
  ["store", libraryEntries],
  ["configuration", [...libraryEntries, "smol-toml"]],
  ["broker", [...libraryEntries, ...storeEntries, ...configurationEntries, "ws"]],
  ["gateway", [...libraryEntries, ...storeEntries, ...configurationEntries]],
  [
    "cli",
    [
      ...libraryEntries,
      ...brokerEntries,
      ...storeEntries,
      ...configurationEntries,
      ...gatewayEntries,
      "qjs:os",
      "qjs:std",
      "strftime",
    ],
  ],
])("%s uses other packages only through their public entry points", (name, entries) => {
  const source = `packages/${name}/src`;
  const files = sources(source);
  expect(files.length).toBeGreaterThan(0);
  expect(files.flatMap((path) => packageViolations(readSource(path), `${source}/`, new Set(entries)))).toEqual([]);
});

test("the embedded broker loads neither the service nor what only the service needs", () => {
  const reached = new Set<string>();
  const specifiers = new Set<string>();
  const pending = ["packages/broker/src/index.ts"];
  for (const path of pending) {
    if (reached.has(path)) continue;
    reached.add(path);
    for (const { specifier } of importsOf(readSource(path))) {
      if (specifier.startsWith(".")) pending.push(join(dirname(path), specifier).replace(/\.js$/, ".ts"));
      else specifiers.add(specifier);
    }
  }
  expect(reached.size).toBeGreaterThan(50);
  expect([...reached].filter((path) => /src\/(service|users|rules)\//.test(path))).toEqual([]);
  expect([...specifiers].filter((each) => /mqtt-(configuration|store)|toml/.test(each))).toEqual([]);
});

test.each([
  ["codec/a.ts", 'import "../session/b.js";', "session is above codec"],
  ["topic/a.ts", 'import type { T } from "../codec/b.js";', "codec is above topic"],
  ["errors.ts", 'import "./platform/text.js";', "errors and platform are siblings"],
  ["store/a.ts", 'import { dial } from "#platform";', "store and transport are siblings"],
  ["session/a.ts", 'export { x } from "#platform";', "transport is above session"],
  ["session/a.ts", 'const x = import("../client/b.js");', "client is above session"],
  ["session/a.ts", 'let x: import("../client/b.js").T;', "client is above session"],
  ["client/a.ts", 'import { x } from "../testing/b.js";', "testing is above client"],
  ["client/a.ts", 'import { x } from "../index.js";', "index is the door"],
  ["client/a.ts", "import(name);", "no dependency"],
  ["client/a.ts", 'import { x } from "node:fs";', "only transport may name a platform"],
  ["client/a.ts", '/// <reference types="node" />', "no dependency"],
  ["client/a.ts", 'import { x } from "../../../broker/src/a.js";', "leaves the package"],
  ["transport/a.ts", 'import { WebSocket } from "ws";', "no dependency"],
  ["index.ts", 'export { encode } from "./codec/index.js";', "the door shows only types of codec"],
  ["index.ts", 'export { ClientSession } from "./session/index.js";', "the door does not show session"],
  ["index.ts", 'export { matches } from "./topic/index.js";', "the door shows only types of topic"],
  ["helper/a.ts", 'import "../errors.js";', "helper is a room without a floor"],
])("in the library, %s with %s is rejected", (path, text, rule) => {
  const found = libraryViolations({ path: `${library}/${path}`, text });
  expect(found).toHaveLength(1);
  expect(found[0]).toContain(`${library}/${path}:1 imports`);
  expect(found[0]).toContain(rule);
});

test.each([
  ["codec/a.ts", 'import { x } from "../errors.js"; import "./b.js"; import "../platform/text.js";'],
  ["client/a.ts", 'import { dial } from "#platform"; import "../store/memory.js"; import "../session/index.js";'],
  ["transport/a.ts", 'import { connect } from "node:net";'],
  ["testing/a.ts", 'import { connect } from "../index.js"; import "../classic/index.js";'],
  ["index.ts", 'export type { T } from "./topic/index.js"; export { connect } from "./client/index.js";'],
  ["session/a.ts", '// import "../client/b.js";\nconst text = \'import "../client/b.js"\';'],
])("in the library, %s with %s is allowed", (path, text) => {
  expect(libraryViolations({ path: `${library}/${path}`, text })).toEqual([]);
});

test.each([
  'import { x } from "../../mqtt/src/index.js";',
  'import { x } from "@aiko/mqtt/dist/index.js";',
  'import { x } from "aiko-mqtt";',
  'import type { x } from "left-pad";',
])("a package that uses the library may not write %s", (text) => {
  const file = { path: "packages/broker/src/a.ts", text };
  const found = packageViolations(file, "packages/broker/src/", new Set(libraryEntries));
  expect(found).toHaveLength(1);
  expect(found[0]).toContain("packages/broker/src/a.ts:1 imports");
});
