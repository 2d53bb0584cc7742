/** Reads JSON with the lines of its keys, which JSON.parse does not give. Refuses keys that are given twice. Knows nothing of fields. */

import { type Document, LineTree, MAXIMUM_DEPTH } from "./line-tree.js";

export function readJson(text: string): Document {
  const parser = new Parser(text);
  try {
    return { value: parser.document(), lines: parser.lines };
  } catch (error) {
    if (!(error instanceof NotJson)) throw error;
    return { value: undefined, line: parser.line, message: `is not valid JSON: ${error.message}` };
  }
}

class NotJson extends Error {}

class Parser {
  readonly lines = new LineTree(1);
  line = 1;
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    if (text.startsWith("\uFEFF")) this.#at = 1;
  }

  /** @throws NotJson */
  document(): unknown {
    const value = this.#value(this.lines, 0);
    if (this.#next() !== "") throw new NotJson("something follows the value");
    return value;
  }

  /** The next character that is not a space; "" at the end. */
  #next(): string {
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at] ?? "";
      if (character === "\n") this.line++;
      else if (character !== " " && character !== "\t" && character !== "\r") return character;
    }
    return "";
  }

  #value(node: LineTree, depth: number): unknown {
    if (depth > MAXIMUM_DEPTH) throw new NotJson(`deeper than ${MAXIMUM_DEPTH} levels`);
    const first = this.#next();
    if (first === "{") return this.#object(node, depth);
    if (first === "[") return this.#list(node, depth);
    return first === '"' ? this.#string() : this.#word();
  }

  #object(node: LineTree, depth: number): unknown {
    const value: Record<string, unknown> = Object.create(null);
    this.#parts("}", () => {
      if (this.#next() !== '"') throw new NotJson("a key in double quotes is expected");
      const key = this.#string();
      if (Object.hasOwn(value, key)) throw new NotJson("the object has this key already");
      const child = node.child(key, this.line);
      if (this.#next() !== ":") throw new NotJson('":" is expected after a key');
      this.#at++;
      value[key] = this.#value(child, depth + 1);
    });
    return value;
  }

  #list(node: LineTree, depth: number): unknown {
    const value: unknown[] = [];
    this.#parts("]", () => {
      this.#next();
      value.push(this.#value(node.child(value.length, this.line), depth + 1));
    });
    return value;
  }

  #parts(end: string, part: () => void): void {
    this.#at++;
    if (this.#next() !== end) {
      for (part(); this.#next() !== end; part()) {
        if (this.#next() !== ",") throw new NotJson(`"," or "${end}" is expected`);
        this.#at++;
      }
    }
    this.#at++;
  }

  #string(): string {
    const from = this.#at++;
    while (this.#at < this.#text.length && this.#text[this.#at] !== '"')
      this.#at += this.#text[this.#at] === "\\" ? 2 : 1;
    this.#at++;
    return parsed(
      this.#text.slice(from, this.#at),
      "the string is not ended or has characters that JSON does not allow",
    ) as string;
  }

  #word(): unknown {
    const from = this.#at;
    while (this.#at < this.#text.length && !' \t\r\n,:[]{}"'.includes(this.#text[this.#at] ?? "")) this.#at++;
    return parsed(this.#text.slice(from, this.#at), "a value is expected");
  }
}

function parsed(text: string, otherwise: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new NotJson(otherwise);
  }
}
