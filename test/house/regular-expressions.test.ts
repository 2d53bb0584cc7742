// No regular expression of the packages takes more than linear time for any text: a peer determines most of it. This is
// measured on text made from what the expression itself looks for, since a rule about its form would depend on how
// engines search.
import { expect, test } from "vitest";
import { noteLine } from "../../packages/cli/src/terminal.ts";
import { parseServerUrl } from "../../packages/mqtt/src/client/connecting/server-url.ts";
import { effort } from "../fixtures/effort.ts";
import { filesBelow, readSource, regularExpressionsOf } from "./source.ts";

/**
 * The lengths of the texts: exponential time shows in the first, cubic in the second, quadratic (100 ms or more) in the
 * last.
 */
const LENGTHS = [26, 600, 20_000];
/** Milliseconds of processor time. What is linear takes one; a slow and busy machine has taken 25. */
const TOO_LONG = 50;
/** Searches after which a text is considered to take too long. */
const ATTEMPTS = 10;
/** Milliseconds for 64 KB: linear work takes 10 here, quadratic work the thousands that are noted beside each text. */
const TOO_LONG_FOR_64_KB = 500;

/** The text that the expression may look for: its own characters and words, and one of each class. */
function piecesOf({ source }: RegExp): string[] {
  const plain = source.replaceAll(/\\[a-z](\w{2,4})?/gi, " ");
  const words = plain.split(/[[\](){}|?*+.^$\\]+/);
  const characters = [...new Set(plain)].filter((each) => !"()|?\\".includes(each));
  return [...new Set([..." \t\na0_-.:\0\u001f\u0085\u00e4", ...characters, ...words])].filter((each) => each !== "");
}

function* textsAgainst(expression: RegExp, length: number): Generator<string> {
  const pieces = piecesOf(expression);
  const pump = (piece: string): string => piece.repeat(Math.ceil(length / piece.length));
  for (const piece of pieces) {
    for (const end of ["", "\0", "x", "\n"]) yield pump(piece) + end;
    for (const other of pieces) {
      yield `${pump(piece + other)}\0`;
      yield `${other}${pump(piece)}\0`;
      yield `${pump(piece)}${other}`;
    }
  }
}

/** Whether it takes too long each time: a busy machine lengthens some of the searches. */
async function isSlow(search: () => unknown): Promise<boolean> {
  for (let i = 0; i < ATTEMPTS; i++) if ((await effort(search, 1)) < TOO_LONG) return false;
  return true;
}

/** A text that takes too long, as its beginning and its end; undefined if there is none. */
async function slowOn(expression: RegExp): Promise<string | undefined> {
  const everywhere = new RegExp(
    expression.source,
    expression.flags.includes("g") ? expression.flags : `${expression.flags}g`,
  );
  for (const length of LENGTHS) {
    for (const text of textsAgainst(expression, length)) {
      const search = (): unknown => text.replaceAll(everywhere, "");
      const began = performance.now();
      search();
      if (performance.now() - began > TOO_LONG && (await isSlow(search)))
        return JSON.stringify([text.slice(0, 20), text.slice(-10)]);
    }
  }
  return undefined;
}

const expressions = filesBelow("packages")
  .filter((path) => /^packages\/\w+\/src\/.*\.ts$/.test(path))
  .flatMap((path) => regularExpressionsOf(readSource(path)).map((found) => ({ path, ...found })));

test("every regular expression of the packages takes linear time", async () => {
  expect(expressions.length).toBeGreaterThan(20);
  const slow: string[] = [];
  for (const { path, line, expression } of expressions) {
    if (expression === "made") continue;
    const text = await slowOn(expression);
    if (text !== undefined) slow.push(`${path}:${line} ${expression} on ${text}`);
  }
  expect(slow).toEqual([]);
});

test("no regular expression is made from text, where it could not be measured", () => {
  const made = expressions.filter(({ expression }) => expression === "made");
  expect(made.map(({ path, line }) => `${path}:${line}`)).toEqual([]);
});

test.each([
  /\s*[\r\n]+\s*/g,
  /:.*,|,.*:$/,
  /(a+)+$/,
  /^(\w+\s?)*$/,
  /^\[?(.*?)\]?(x*)(x*)y$/,
  /[a-z]+\d/,
  /<!--.*-->/,
  /a.*b/,
])("%s is found to take longer", async (expression) => {
  expect(await slowOn(expression)).toBeDefined();
});

test.each([
  ["a long run of spaces", () => noteLine("p", `${" ".repeat(65_535)}x`)], // 6,884 ms with /\s*[\r\n]+\s*/
  ["a long run of line breaks", () => noteLine("p", "\r\n ".repeat(21_845))],
  ["a URL of colons", () => parsed(`mqtt://${":".repeat(65_535)}`)], // 3,220 ms with /:.*,|,.*:$/
  ["a URL of commas", () => parsed(`mqtt://${",".repeat(65_535)}`)], // 4,291 ms
])("64 KB are read quickly: %s", async (_, read) => {
  expect(await effort(read)).toBeLessThan(TOO_LONG_FOR_64_KB);
});

function parsed(url: string): unknown {
  try {
    return parseServerUrl(url);
  } catch (error) {
    return error;
  }
}
