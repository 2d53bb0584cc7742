import { expect, test } from "vitest";
import { pureRooms, roomOf } from "./layers.ts";
import { filesBelow, importsOf, namesOf, readSource, type SourceFile } from "./source.ts";

// A small engine has none of these, and the time and random numbers are passed as arguments.
const platformNames = new Set(
  `Date Math.random setTimeout setInterval setImmediate TextEncoder TextDecoder URL queueMicrotask Buffer process
  performance fetch console structuredClone crypto AbortController globalThis window`.split(/\s+/),
);

function impurities(file: SourceFile): string[] {
  const imports = importsOf(file)
    .filter(({ specifier }) => specifier.startsWith("node:") || specifier === "node")
    .map(({ specifier, line }) => `${file.path}:${line} imports "${specifier}"`);
  const names = namesOf(file)
    .filter(({ name }) => platformNames.has(name) || platformNames.has(name.split(".", 1)[0] ?? "") || name === "Math")
    .map(({ name, line }) => `${file.path}:${line} names ${name}`);
  return [...imports, ...names];
}

test("the pure folders use nothing of a platform", () => {
  const files = filesBelow("packages/mqtt/src").filter((path) => pureRooms.includes(roomOf(path)));
  expect(files.length).toBeGreaterThan(0);
  expect(files.flatMap((path) => impurities(readSource(path)))).toEqual([]);
});

test.each([
  ["const now = Date.now();", "names Date.now"],
  ["const x = Math.random();", "names Math.random"],
  ['const x = Math["random"]();', "names Math.random"],
  ["const { random } = Math;", "names Math"],
  ["function f(at: Date) {}", "names Date"],
  ["const x = { Buffer };", "names Buffer"],
  ["const x = globalThis.anything;", "names globalThis.anything"],
  ["type T = typeof setTimeout;", "names setTimeout"],
  ['import net from "node:net";', 'imports "node:net"'],
  ['type S = import("node:net").Socket;', 'imports "node:net"'],
])("%s is impure", (text, found) => {
  expect(impurities({ path: "a.ts", text })).toEqual([`a.ts:1 ${found}`]);
});

test.each([
  "// Date, Math.random and setTimeout are not for us",
  '/* URL */ const text = "process.env and console";',
  "const packet = { process: 1, url: 2 }; packet.process += Math.floor(0.5);",
  "class Session { window = 1; fetch(): void {} }",
  "interface Clock { performance: number; setTimeout(): void }",
])("%s is pure", (text) => {
  expect(impurities({ path: "a.ts", text })).toEqual([]);
});
