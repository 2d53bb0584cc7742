/** A file of options, in the syntax of mosquitto's clients: one option in a line, and its value after a space. */

import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { BETWEEN } from "../argument-parts.js";
import { ArgumentError, type OptionTable, parseArguments } from "../arguments.js";

/** An option with its value (empty for a switch), and where it comes from. */
export interface PlacedOption {
  readonly name: string;
  readonly value: string;
  /** As errors name it. */
  readonly place: string;
}

/** A file has at most so many bytes. */
const LARGEST = 65_536;
const MISSING: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR"]);
/** The permissions of other users to read. */
const READABLE_BY_OTHERS = 0o044;

/**
 * Reads the file.
 *
 * @returns undefined if it does not exist
 * @throws ArgumentError if it cannot be read, with the line of an option that is not valid
 */
export function readOptionsFile(
  path: string,
  table: OptionTable,
): { readonly options: readonly PlacedOption[]; readonly isReadableByOthers: boolean } | undefined {
  let text: string;
  let mode: number;
  try {
    const file = openSync(path, "r");
    try {
      const { size, mode: permissions } = fstatSync(file);
      if (size > LARGEST) throw new ArgumentError(`${path}: it has ${size} bytes; the limit is ${LARGEST}`);
      text = readFileSync(file, "utf8");
      mode = permissions;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (error instanceof ArgumentError) throw error;
    const { code = "", message } = error as NodeJS.ErrnoException;
    if (MISSING.has(code)) return undefined;
    throw new ArgumentError(`${path}: ${message}`);
  }
  const isReadableByOthers = process.platform !== "win32" && (mode & READABLE_BY_OTHERS) !== 0;
  return { options: parseOptionsFile(text, path, table), isReadableByOthers };
}

/** @throws ArgumentError */
export function parseOptionsFile(text: string, path: string, table: OptionTable): readonly PlacedOption[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    if (line.startsWith("#") || line.trim() === "") return [];
    const place = `${path}, line ${index + 1}`;
    return [{ ...parseLine(line, place, table), place }];
  });
}

function parseLine(line: string, place: string, table: OptionTable): { readonly name: string; readonly value: string } {
  const [, spelling = "", rest = ""] = /^\s*(\S+)[ \t]*(.*)$/s.exec(line) ?? [];
  try {
    const parsed = parseArguments(table, [spelling, ...(rest === "" ? [] : wordsOfValue(spelling, rest, table))]);
    if (parsed.asks !== "run") throw new ArgumentError(`option ${spelling} is not possible here`);
    const [option, another] = parsed.args.sequence(...Object.keys(table));
    if (option === undefined || another !== undefined) throw new ArgumentError(`"${spelling}" is not one option`);
    const [name, value] = option;
    return { name, value };
  } catch (error) {
    throw error instanceof ArgumentError ? new ArgumentError(`${place}: ${error.message}`) : error;
  }
}

/** The rest of the line is one value, also with spaces in it; or the words that the option consists of. */
function wordsOfValue(spelling: string, rest: string, table: OptionTable): readonly string[] {
  const letter = /^-[^-]$/.test(spelling) ? spelling.charAt(1) : undefined;
  const option = Object.entries(table).find(
    ([name, { letters = "" }]) => spelling === `--${name}` || (letter !== undefined && letters.includes(letter)),
  )?.[1];
  return option?.length === undefined ? [rest] : wordsOf(rest, option.length);
}

/** Splits the value of an option that consists of several words. The last one may have spaces. */
export function wordsOf(text: string, length: (words: readonly string[]) => number): readonly string[] {
  const all = text.trim().split(/[ \t]+/);
  const most = length(all);
  return all.length <= most ? all : [...all.slice(0, most - 1), all.slice(most - 1).join(" ")];
}

/** Several words as one value. */
export function oneValue(words: readonly string[]): string {
  return words.join(BETWEEN);
}
