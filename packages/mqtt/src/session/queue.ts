/** A first-in, first-out queue whose `shift` is cheap at any length. */

const COMPACT_AT = 1024;

/** A first-in, first-out queue whose `shift` is cheap at any length. */
export class Queue<Item> {
  #items: (Item | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  /** Adds an item at the end. */
  push(item: Item): void {
    this.#items.push(item);
  }

  /** Returns the first item; undefined if there is none. */
  peek(): Item | undefined {
    return this.#items[this.#head];
  }

  /** Removes and returns the first item; undefined if there is none. */
  shift(): Item | undefined {
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
    } else if (this.#head >= COMPACT_AT && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Removes and returns all items. */
  drain(): Item[] {
    const items = this.#items.slice(this.#head) as Item[];
    this.#items = [];
    this.#head = 0;
    return items;
  }
}
