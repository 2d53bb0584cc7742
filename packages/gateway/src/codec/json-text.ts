/**
 * JSON (RFC 8259), strictly: a name at most once in an object, nesting at most 32 deep, and numbers that a double would change are kept as text,
 * which JSON.parse cannot do. The place of an error is a character of the text. Linear time; the recursion is bounded by the nesting.
 */

import { Failure } from "../failure.js";
import type { FieldValue } from "../pipeline/outcome.js";
import { shown } from "../text/shown.js";
import { digits, exactNumber } from "./number.js";

const DEEPEST = 32;

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** Parses a document. */
export function parseJson(text: string): FieldValue | Failure {
  const parser = new Parser(text);
  const value = parser.document();
  return parser.failure ?? value;
}

/** Parses a document that must be an object. Returns its members. */
export function parseJsonObject(text: string): Map<string, FieldValue> | Failure {
  const parser = new Parser(text);
  const members = parser.outermostObject();
  return parser.failure ?? members;
}

class Parser {
  /** The first thing that is wrong; nothing that is returned after it counts. */
  failure: Failure | undefined;
  private at = 0;

  constructor(private readonly text: string) {}

  document(): FieldValue {
    const value = this.value(0);
    this.finish();
    return value;
  }

  outermostObject(): Map<string, FieldValue> {
    const members = new Map<string, FieldValue>();
    if (this.next() !== 0x7b) {
      this.fail("the frame must be a JSON object");
      return members;
    }
    this.at++;
    this.members(1, members);
    this.finish();
    return members;
  }

  /** @param depth how many objects and arrays are around the value */
  private value(depth: number): FieldValue {
    const unit = this.next();
    if (unit === QUOTE) return this.string();
    if (unit === MINUS || (unit >= ZERO && unit <= NINE)) return this.number();
    switch (unit) {
      case 0x7b: {
        if (!this.enter(depth)) return null;
        const members = new Map<string, FieldValue>();
        this.members(depth + 1, members);
        return this.failure ? null : objectOf(members);
      }
      case 0x5b:
        return this.enter(depth) ? this.array(depth + 1) : null;
      case 0x74:
        return this.word("true", true);
      case 0x66:
        return this.word("false", false);
      case 0x6e:
        return this.word("null", null);
      default:
        this.fail("a value is expected");
        return null;
    }
  }

  private enter(depth: number): boolean {
    if (depth >= DEEPEST) return this.fail(`objects and arrays must not be nested more than ${DEEPEST} deep`);
    this.at++;
    return true;
  }

  private members(depth: number, members: Map<string, FieldValue>): void {
    if (this.next() === 0x7d) {
      this.at++;
      return;
    }
    while (this.member(depth, members)) {
      const unit = this.next();
      if (unit !== COMMA && unit !== 0x7d) {
        this.fail('"," or "}" is expected');
        return;
      }
      this.at++;
      if (unit === 0x7d) return;
    }
  }

  private member(depth: number, members: Map<string, FieldValue>): boolean {
    if (this.next() !== QUOTE) return this.fail("a name in quotation marks is expected");
    const begin = this.at;
    const name = this.string();
    if (this.failure) return false;
    if (this.next() !== COLON) return this.fail('":" is expected');
    this.at++;
    if (members.has(name)) {
      this.at = begin;
      return this.fail(`the name ${shown(name)} stands twice in one object`);
    }
    members.set(name, this.value(depth));
    return this.failure === undefined;
  }

  private array(depth: number): FieldValue[] {
    const items: FieldValue[] = [];
    if (this.next() === 0x5d) {
      this.at++;
      return items;
    }
    for (;;) {
      items.push(this.value(depth));
      if (this.failure) return items;
      const unit = this.next();
      if (unit !== COMMA && unit !== 0x5d) {
        this.fail('"," or "]" is expected');
        return items;
      }
      this.at++;
      if (unit === 0x5d) return items;
    }
  }

  private string(): string {
    const { text } = this;
    let at = this.at + 1;
    let from = at;
    let result = "";
    for (; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (unit === QUOTE) {
        this.at = at + 1;
        return result + text.slice(from, at);
      }
      if (unit < 0x20) break;
      if (unit !== BACKSLASH) continue;
      result += text.slice(from, at);
      const letter = text[at + 1] ?? "";
      const plain = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
      if (plain !== undefined) {
        result += plain;
        at += 1;
      } else {
        const code = letter === "u" ? hexCode(text, at + 2) : -1;
        this.at = at;
        if (code < 0) {
          this.fail("the escape sequence is not valid");
          return "";
        }
        result += String.fromCharCode(code);
        at += 5;
      }
      from = at + 1;
    }
    this.at = at;
    this.fail(at < text.length ? "a control character in a string must be escaped" : "the string has no end");
    return "";
  }

  private number(): number | string {
    const { text } = this;
    const begin = this.at;
    const first = text.charCodeAt(begin) === MINUS ? begin + 1 : begin;
    let at = text.charCodeAt(first) === ZERO ? first + 1 : digits(text, first);
    if (at >= 0 && text.charCodeAt(at) === DOT) at = digits(text, at + 1);
    if (at >= 0 && (text.charCodeAt(at) | 0x20) === 0x65) {
      const sign = text.charCodeAt(at + 1);
      at = digits(text, sign === MINUS || sign === 0x2b ? at + 2 : at + 1);
    }
    if (at < 0) {
      this.fail("the number is not valid");
      return 0;
    }
    this.at = at;
    return exactNumber(text.slice(begin, at));
  }

  private word(word: string, value: boolean | null): boolean | null {
    if (!this.text.startsWith(word, this.at)) {
      this.fail("a value is expected");
      return null;
    }
    this.at += word.length;
    return value;
  }

  /** Skips white space. Returns the char code there; NaN at the end. */
  private next(): number {
    for (;;) {
      const unit = this.text.charCodeAt(this.at);
      if (unit !== 0x20 && unit !== 0x09 && unit !== 0x0a && unit !== 0x0d) return unit;
      this.at++;
    }
  }

  private finish(): void {
    if (this.failure) return;
    this.next();
    if (this.at < this.text.length) this.fail("nothing may follow the document");
  }

  private fail(rule: string): false {
    const near = this.at < this.text.length ? shown(this.text.slice(this.at, this.at + 12)) : "the end";
    this.failure ??= new Failure("decode", `JSON, at character ${this.at + 1}, ${near}: ${rule}`);
    return false;
  }
}

/** "__proto__" is a name as any other: no document can change an object's prototype. */
function objectOf(members: ReadonlyMap<string, FieldValue>): FieldValue {
  const object: Record<string, FieldValue> = {};
  for (const [name, value] of members) {
    if (name === "__proto__") Object.defineProperty(object, name, { value, enumerable: true });
    else object[name] = value;
  }
  return object;
}

function hexCode(text: string, from: number): number {
  let code = 0;
  for (let at = from; at < from + 4; at++) {
    const unit = text.charCodeAt(at);
    const lower = unit | 0x20;
    const digit = unit >= ZERO && unit <= NINE ? unit - ZERO : lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
    if (digit < 0) return -1;
    code = code * 16 + digit;
  }
  return code;
}
