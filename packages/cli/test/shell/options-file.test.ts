// Files of options, as mosquitto's clients have them.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { ArgumentError } from "../../src/arguments.ts";
import { parseOptionsFile, readOptionsFile } from "../../src/shell/options-file.ts";
import { propertyLength } from "../../src/shell/properties.ts";

const table = {
  host: { letters: "h", value: "HOST", help: "" },
  message: { letters: "m", value: "MESSAGE", help: "", literal: true, mayBeEmpty: true },
  property: { letters: "D", value: "P", help: "", length: propertyLength, repeats: true },
  debug: { letters: "d", help: "" },
};

const parse = (text: string) =>
  parseOptionsFile(text, "file", table).map(({ name, value }) => `${name}=${value.replaceAll("\0", "|")}`);

test("reads one option in a line, with a value that may have spaces", () => {
  expect(parse("-h server\n--debug\n-m two words \n")).toEqual(["host=server", "debug=", "message=two words "]);
});

test("ignores comments, blank lines and the ends of lines of Windows", () => {
  expect(parse("# a comment\r\n\r\n  \r\n-h server\r\n")).toEqual(["host=server"]);
});

test("reads the words of a property", () => {
  expect(parse("-D publish user-property key a value\n--property publish content-type text/plain")).toEqual([
    "property=publish|user-property|key|a value",
    "property=publish|content-type|text/plain",
  ]);
});

test("a value may look like an option if it is text", () => {
  expect(parse("-m -d")).toEqual(["message=-d"]);
});

test.each([
  ["-h server\n--bogus 1", "file, line 2: unknown option --bogus"],
  ["-h", "file, line 1: option -h is not possible here"],
  ["-m", "file, line 1: option -m requires a value"],
  ["host server", 'file, line 1: unexpected argument "host"'],
  ["-d 1", 'file, line 1: unexpected argument "1"'],
  ["--help", "file, line 1: option --help is not possible here"],
  ["-dd", 'file, line 1: "-dd" is not one option'],
])("rejects %j", (text, why) => {
  expect(() => parse(text)).toThrow(why);
});

test("any text is read or rejected with its line", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."-hmDd# \t\n\r=abc\0") }), (text) => {
      try {
        for (const { name, place } of parseOptionsFile(text, "file", table)) {
          expect(Object.keys(table)).toContain(name);
          expect(place).toMatch(/^file, line \d+$/);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(ArgumentError);
        expect((error as Error).message).toMatch(/^file, line \d+: /);
      }
    }),
  );
});

test("a missing file has no options, and a file that cannot be read is an error", () => {
  const folder = mkdtempSync(join(tmpdir(), "aiko-mqtt-options-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  expect(readOptionsFile(join(folder, "missing"), table)).toBeUndefined();
  expect(readOptionsFile(join(folder, "missing/deeper"), table)).toBeUndefined();
  expect(() => readOptionsFile(folder, table)).toThrow(/^\/.*: EISDIR/);
  const path = join(folder, "file");
  writeFileSync(path, "x".repeat(65_537));
  expect(() => readOptionsFile(path, table)).toThrow("it has 65537 bytes; the limit is 65536");
});

test.skipIf(process.platform === "win32")("reports whether other users can read a file", () => {
  const folder = mkdtempSync(join(tmpdir(), "aiko-mqtt-options-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "file");
  writeFileSync(path, "-d\n");
  for (const [mode, isReadable] of [
    [0o600, false],
    [0o640, true],
    [0o604, true],
  ] as const) {
    chmodSync(path, mode);
    expect(readOptionsFile(path, table)?.isReadableByOthers).toBe(isReadable);
  }
});
