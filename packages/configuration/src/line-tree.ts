/** In which lines of a file its keys are. Knows neither TOML nor JSON. */

/** The keys and indexes that lead to a value. */
export type Path = readonly (string | number)[];

/** A value of a file, with the values in it. A tree and not a map by path: the text of a path would be as long as all keys in it. */
export class LineTree {
  readonly #children = new Map<string | number, LineTree>();

  constructor(readonly line: number) {}

  /** Returns the part at `key`. If it is not known yet, it begins in `line`. */
  child(key: string | number, line: number): LineTree {
    const known = this.#children.get(key);
    if (known !== undefined) return known;
    const added = new LineTree(line);
    this.#children.set(key, added);
    return added;
  }

  /** Returns the line of the value at `path`, or of the closest value around it. */
  lineOf(path: Path): number {
    let node: LineTree = this;
    for (const key of path) {
      const next = node.#children.get(key);
      if (next === undefined) break;
      node = next;
    }
    return node.line;
  }

  /** How many parts have indexes: those of a list have nothing else. */
  get size(): number {
    return this.#children.size;
  }
}

/** What was read from a file's text: its value, or the first place where it is not well-formed. */
export type Document =
  | { readonly value: unknown; readonly lines: LineTree }
  | { readonly value: undefined; readonly line: number; readonly message: string };

/** Deeper values are not read: no field is that deep. */
export const MAXIMUM_DEPTH = 32;
