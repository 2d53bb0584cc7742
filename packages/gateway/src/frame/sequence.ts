/** Finds a sequence of bytes in a stream, byte by byte, looking at each byte once (Knuth, Morris and Pratt). */

export class Sequence {
  /** For each number of bytes that match: how many still do if the next one does not. */
  private readonly fallback: readonly number[];
  /** How many bytes at the end of what was seen are the beginning of the sequence. */
  matched = 0;

  /** @param bytes at least one */
  constructor(readonly bytes: Uint8Array) {
    const fallback = [0, 0];
    for (let i = 1, matched = 0; i < bytes.length; i++) {
      while (matched > 0 && bytes[i] !== bytes[matched]) matched = fallback[matched] ?? 0;
      if (bytes[i] === bytes[matched]) matched++;
      fallback.push(matched);
    }
    this.fallback = fallback;
  }

  /** Takes the next byte. Returns whether the sequence ends with it; then it begins anew. */
  endsWith(byte: number): boolean {
    let { matched } = this;
    while (matched > 0 && byte !== this.bytes[matched]) matched = this.fallback[matched] as number;
    if (byte === this.bytes[matched]) matched++;
    const isWhole = matched === this.bytes.length;
    this.matched = isWhole ? 0 : matched;
    return isWhole;
  }

  reset(): void {
    this.matched = 0;
  }
}
