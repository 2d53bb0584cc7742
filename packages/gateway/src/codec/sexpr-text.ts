/**
 * S-expressions as text: lists of atoms, strings and lists, nested at most 32 deep. `;` begins a comment, which ends at the end of the line. Linear
 * time; the recursion is bounded by the nesting. Knows no field.
 */

import { Failure } from "../failure.js";
import { shown } from "../text/shown.js";

const DEEPEST = 32;

const QUOTE = 0x22;
const OPEN = 0x28;
const CLOSE = 0x29;
const SEMICOLON = 0x3b;
const BACKSLASH = 0x5c;

export type Sexpr = SexprAtom | readonly Sexpr[];

export interface SexprAtom {
  readonly text: string;
  readonly isQuoted: boolean;
}

export function isList(node: Sexpr): node is readonly Sexpr[] {
  return Array.isArray(node);
}

/** Returns the lists of a text, at least one. */
export function parseSexpr(text: string): readonly (readonly Sexpr[])[] | Failure {
  const parser = new Parser(text);
  const lists = parser.lists();
  return parser.failure ?? lists;
}

/** Whether a text can stand without quotation marks. */
export function isPlainAtom(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (isDelimiter(text.charCodeAt(i))) return false;
  }
  return text !== "";
}

/** Whether an atom ends before the char code. NaN, the end of the text, is one too. */
export function isDelimiter(unit: number): boolean {
  return isBlank(unit) || unit === QUOTE || unit === OPEN || unit === CLOSE || unit === SEMICOLON || Number.isNaN(unit);
}

/** Returns what stands between the quotation marks of a string. */
export function escapedString(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
}

function isBlank(unit: number): boolean {
  return unit === 0x20 || unit === 0x09 || unit === 0x0a || unit === 0x0d;
}

class Parser {
  /** The first thing that is wrong; nothing that is returned after it counts. */
  failure: Failure | undefined;
  private at = 0;

  constructor(private readonly text: string) {}

  lists(): Sexpr[][] {
    const lists: Sexpr[][] = [];
    let unit = this.next();
    do {
      if (unit !== OPEN) {
        this.fail('"(" is expected');
        return lists;
      }
      lists.push(this.list(1));
      unit = this.failure === undefined ? this.next() : Number.NaN;
    } while (!Number.isNaN(unit));
    return lists;
  }

  /** @param depth of the list itself */
  private list(depth: number): Sexpr[] {
    const items: Sexpr[] = [];
    if (depth > DEEPEST) {
      this.fail(`lists must not be nested more than ${DEEPEST} deep`);
      return items;
    }
    this.at++;
    while (this.failure === undefined) {
      const unit = this.next();
      if (unit === CLOSE) {
        this.at++;
        break;
      }
      if (unit === OPEN) items.push(this.list(depth + 1));
      else if (unit === QUOTE) items.push({ text: this.string(), isQuoted: true });
      else if (Number.isNaN(unit)) this.fail("the list has no end");
      else items.push({ text: this.atom(), isQuoted: false });
    }
    return items;
  }

  private atom(): string {
    const begin = this.at;
    while (!isDelimiter(this.text.charCodeAt(this.at))) this.at++;
    return this.text.slice(begin, this.at);
  }

  private string(): string {
    const { text } = this;
    let from = this.at + 1;
    let result = "";
    for (let at = from; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (unit === QUOTE) {
        this.at = at + 1;
        return result + text.slice(from, at);
      }
      if (unit !== BACKSLASH) continue;
      result += text.slice(from, at);
      at++;
      from = at;
    }
    this.at = text.length;
    this.fail("the string has no end");
    return "";
  }

  /** Skips white space and comments. Returns the char code there; NaN at the end. */
  private next(): number {
    for (;;) {
      const unit = this.text.charCodeAt(this.at);
      if (unit === SEMICOLON) {
        const end = this.text.indexOf("\n", this.at);
        this.at = end < 0 ? this.text.length : end;
      } else if (!isBlank(unit)) {
        return unit;
      } else {
        this.at++;
      }
    }
  }

  private fail(rule: string): void {
    const near = this.at < this.text.length ? shown(this.text.slice(this.at, this.at + 12)) : "the end";
    this.failure ??= new Failure("decode", `sexpr, at character ${this.at + 1}, ${near}: ${rule}`);
  }
}
