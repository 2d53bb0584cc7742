// @ts-check
// An input as a list of choices, read from its first byte to its last.

export class Food {
  #at = 0;

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
  }

  get isEmpty() {
    return this.#at >= this.bytes.length;
  }

  /** 0 when nothing is left. */
  byte() {
    return this.bytes[this.#at++] ?? 0;
  }

  /** From 0 to below `limit`. @param {number} limit */
  below(limit) {
    return ((this.byte() << 16) | (this.byte() << 8) | this.byte()) % Math.max(1, limit);
  }

  /** Up to as many bytes as are left. @param {number} count */
  take(count) {
    const taken = this.bytes.subarray(this.#at, this.#at + count);
    this.#at += taken.length;
    return taken;
  }

  rest() {
    return this.take(this.bytes.length);
  }
}
