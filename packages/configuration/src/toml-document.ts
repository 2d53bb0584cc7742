/** Reads TOML: values by smol-toml, and the lines of the keys, which it does not give, by a scanner. Knows nothing of fields. */

import { parse, TomlError } from "smol-toml";
import { type Document, LineTree, MAXIMUM_DEPTH } from "./line-tree.js";

/** @param repeatable names of sections that may be written several times, for a hint */
export function readToml(text: string, repeatable: readonly string[] = []): Document {
  try {
    const value = parse(text, { maxDepth: MAXIMUM_DEPTH });
    return { value, lines: new Scanner(text).scan() };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // Only the first line: those after it quote the file, which may have secrets.
    const message = error.message.split("\n", 1)[0]?.replace("Invalid TOML document: ", "") ?? "";
    return {
      value: undefined,
      line: error.line,
      message: `is not valid TOML: ${message}${hintFor(message, text.split("\n")[error.line - 1] ?? "", repeatable)}`,
    };
  }
}

/** What to write instead, for the two most common mistakes. @param line the text of the line */
function hintFor(message: string, line: string, repeatable: readonly string[]): string {
  const section = repeatable.find((name) => line.trim() === `[${name}]`);
  if (message.includes("redefine") && section !== undefined) return `; write [[${section}]] for each of several`;
  const [, value = ""] = line.split("=");
  return message === "invalid value" && /^[a-z]/i.test(value.trim()) ? "; put text in quotes" : "";
}

/** Walks through text that is valid TOML, so it looks only for what delimits keys and values. */
class Scanner {
  readonly #text: string;
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
    if (text.startsWith("\uFEFF")) this.#at = 1;
  }

  scan(): LineTree {
    const root = new LineTree(1);
    let table = root;
    for (this.#skipVoid(); this.#at < this.#text.length; this.#skipVoid()) {
      if (this.#peek() === "[") table = this.#header(root);
      else this.#pair(table);
    }
    return root;
  }

  #peek(): string {
    return this.#text[this.#at] ?? "";
  }

  /** `[a.b]`, or `[[a.b]]`, which begins the next element of a list. */
  #header(root: LineTree): LineTree {
    const isElement = this.#text[this.#at + 1] === "[";
    this.#at += isElement ? 2 : 1;
    const keys = this.#keys();
    this.#at += isElement ? 2 : 1;
    let node = root;
    for (const [i, key] of keys.entries()) {
      node = node.child(key, this.#line);
      if (i === keys.length - 1) return isElement ? this.#nextElement(node) : node;
      const count = this.#elements.get(node);
      if (count !== undefined) node = node.child(count - 1, this.#line);
    }
    return node;
  }

  /** How many elements the lists have that are made of headers. */
  readonly #elements = new Map<LineTree, number>();

  #nextElement(list: LineTree): LineTree {
    const index = this.#elements.get(list) ?? 0;
    this.#elements.set(list, index + 1);
    return list.child(index, this.#line);
  }

  #pair(table: LineTree): void {
    let node = table;
    for (const key of this.#keys()) node = node.child(key, this.#line);
    this.#at++; // the equals sign
    this.#value(node);
  }

  /** `a."b c".d`, up to what follows it. */
  #keys(): string[] {
    const keys: string[] = [];
    for (;;) {
      this.#skipBlank();
      keys.push(this.#key());
      this.#skipBlank();
      if (this.#peek() !== ".") return keys;
      this.#at++;
    }
  }

  #key(): string {
    const from = this.#at;
    if (this.#peek() === '"' || this.#peek() === "'") {
      this.#string();
      const quoted = this.#text.slice(from, this.#at);
      return quoted.includes("\\") ? (Object.keys(parse(`${quoted} = 0`))[0] ?? "") : quoted.slice(1, -1);
    }
    this.#skipUntil(" \t.=]");
    return this.#text.slice(from, this.#at);
  }

  #value(node: LineTree): void {
    this.#skipVoid();
    const first = this.#peek();
    if (first === '"' || first === "'") this.#string();
    else if (first === "[") this.#parts("]", () => this.#value(node.child(node.size, this.#line)));
    else if (first === "{") this.#parts("}", () => this.#pair(node));
    else this.#skipUntil(" \t\r\n,]}#");
  }

  #parts(end: string, part: () => void): void {
    this.#at++;
    for (this.#skipVoid(); this.#peek() !== end && this.#at < this.#text.length; this.#skipVoid()) {
      if (this.#peek() === ",") this.#at++;
      else part();
    }
    this.#at++;
  }

  #string(): void {
    const quote = this.#peek();
    const isLong = this.#text.startsWith(quote.repeat(3), this.#at);
    const end = isLong ? quote.repeat(3) : quote;
    for (this.#at += end.length; !this.#text.startsWith(end, this.#at) && this.#at < this.#text.length; this.#at++) {
      if (this.#peek() === "\\" && quote === '"') this.#at++;
      if (this.#peek() === "\n") this.#line++;
    }
    this.#at += end.length;
    // A long string may end with quotes of its own.
    while (isLong && this.#peek() === quote) this.#at++;
  }

  #skipUntil(ends: string): void {
    while (this.#at < this.#text.length && !ends.includes(this.#peek())) this.#at++;
  }

  #skipBlank(): void {
    while (this.#peek() === " " || this.#peek() === "\t") this.#at++;
  }

  /** Spaces, ends of lines and comments. */
  #skipVoid(): void {
    for (; this.#at < this.#text.length; this.#at++) {
      const next = this.#peek();
      if (next === "#") this.#skipUntil("\n");
      if (this.#peek() === "\n") this.#line++;
      else if (next !== " " && next !== "\t" && next !== "\r" && next !== "#") return;
    }
  }
}
