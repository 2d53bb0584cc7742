/** Where in a configuration a value is, and the list of what is wrong with it. Knows no field. */

import { TomlDate } from "smol-toml";
import { LineTree, type Path } from "./line-tree.js";
import { printable } from "./printable.js";

/** Something that must be corrected in a configuration. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  /** As in `listener[0].url`; "" for the whole file. */
  readonly key: string;
  /** What is wrong, and what to write. */
  readonly message: string;
}

/** Returns the problem as one line, as in `broker.toml:12: broker.max_age: must be …`. */
export function problemText({ file, line, key, message }: Problem): string {
  return printable(`${file}:${line}: ${key === "" ? "" : `${key}: `}${message}`);
}

/** Where the values of secrets come from. */
export interface Secrets {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Returns a file's text. @throws if it cannot be read */
  readonly readFile: (path: string) => string;
}

/** More problems are not listed: no reader corrects a thousand at once. */
const MAXIMUM_PROBLEMS = 200;

/** What all places of one configuration share. */
export class Reading {
  readonly problems: Problem[] = [];
  /** What may be only once, such as identifiers, with the path of the first. */
  readonly #claims = new Map<string, Path>();

  constructor(
    readonly file: string,
    readonly lines: LineTree,
    readonly secrets: Secrets,
  ) {}

  /** Whether further problems are not listed. */
  get isFull(): boolean {
    return this.problems.length >= MAXIMUM_PROBLEMS;
  }

  /** Lists a problem, unless the list is full. */
  report(path: Path, message: string): void {
    if (!this.isFull) {
      this.problems.push({ file: this.file, line: this.lines.lineOf(path), key: keyText(path), message });
    }
  }

  /** Returns the line of the first claim, if there was one. */
  claim(name: string, path: Path): number | undefined {
    const line = this.lineOfClaim(name);
    if (line === undefined) this.#claims.set(name, path);
    return line;
  }

  /** Returns the line of the first claim; undefined if there was none. */
  lineOfClaim(name: string): number | undefined {
    const first = this.#claims.get(name);
    return first === undefined ? undefined : this.lines.lineOf(first);
  }
}

/** A value's place. Its methods that report return undefined, as every reader does that reported a problem. */
export class Place {
  constructor(
    readonly reading: Reading,
    readonly path: Path = [],
  ) {}

  /** Returns the place of a value within this one. */
  at(key: string | number): Place {
    return new Place(this.reading, [...this.path, key]);
  }

  /** The file and the line, as in `broker.toml:12`. */
  get origin(): string {
    return `${this.reading.file}:${this.reading.lines.lineOf(this.path)}`;
  }

  /** Reports a problem of this value. */
  problem(message: string): undefined {
    this.reading.report(this.path, message);
    return undefined;
  }

  /** Reports a text that breaks a rule. @param rule as in `must have a field`, which follows the text */
  broken(text: string, rule: string): undefined {
    return this.problem(`${quoted(text)} ${rule}`);
  }

  /** Reports a value that is of another kind. @param rule as in `must be a table`, which "not" and the value follow */
  wrong(rule: string, value: unknown): undefined {
    return this.problem(`${rule}, not ${shown(value)}`);
  }
}

/** Where the defaults of the tables are read: a problem there is a mistake in a table. */
export const defaultsPlace = new Place(
  new Reading("", new LineTree(1), {
    environment: {},
    readFile: () => "",
  }),
);

/** A text in quotes, with its first characters only, and without what could change the lines of a terminal. */
export function quoted(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return JSON.stringify(short).replaceAll(/[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, "\uFFFD");
}

function shown(value: unknown): string {
  if (typeof value === "string") return quoted(value);
  if (value instanceof TomlDate) return "a date";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "a table" : String(value);
}

/** What a value is, where the value itself may be a secret. */
export function typeName(value: unknown): string {
  if (typeof value === "string") return "a string";
  return typeof value === "object" ? shown(value) : `a ${typeof value}`;
}

function keyText(path: Path): string {
  return path
    .map((key, i) => {
      if (typeof key === "number") return `[${key}]`;
      return (i === 0 ? "" : ".") + (/^[\w-]{1,60}$/.test(key) ? key : quoted(key));
    })
    .join("");
}
