/** Which records are settled: all below the cursor, some beyond it, and those that are lost. Knows nothing of what is in records. */

/** How far beyond the cursor a record may be settled: as many bits as stand in the cursor's file. */
export const MOST_BEYOND = 32_768;

export class Settled {
  /** Sequences beyond the cursor that are settled. */
  private readonly beyond = new Set<number>();
  /** Sequences that no record has, in ascending order: from the first, up to but not including the second. */
  private readonly holes: [from: number, to: number][] = [];

  /** @param cursor the lowest sequence that is not settled */
  constructor(public cursor: number) {}

  has(sequence: number): boolean {
    return sequence < this.cursor || this.beyond.has(sequence);
  }

  settle(sequence: number): void {
    if (sequence < this.cursor) return;
    this.beyond.add(sequence);
    this.advance();
  }

  /** Settles all before this sequence. */
  settleBelow(sequence: number): void {
    if (sequence <= this.cursor) return;
    this.cursor = sequence;
    for (const each of this.beyond) if (each < sequence) this.beyond.delete(each);
    this.advance();
  }

  /** Notes that there are no records with these sequences. Returns false if that was known. */
  skip(from: number, to: number): boolean {
    if (to <= from || to <= this.cursor) return false;
    const { holes } = this;
    const at = this.holeAt(Math.max(from, this.cursor));
    if (at >= 0 && to <= (holes[at]?.[1] ?? 0)) return false;
    const last = holes.at(-1);
    if (last?.[1] === from) last[1] = to;
    else holes.splice(at + 1, 0, [from, to]);
    this.advance();
    return true;
  }

  /** Returns the index of the last hole that begins at the sequence or before it, or -1 if no hole does. */
  private holeAt(sequence: number): number {
    const { holes } = this;
    let low = 0;
    for (let high = holes.length; low < high; ) {
      const middle = (low + high) >> 1;
      if ((holes[middle]?.[0] ?? 0) <= sequence) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Returns `has` as it is now. */
  snapshot(): (sequence: number) => boolean {
    const { cursor } = this;
    const beyond = new Set(this.beyond);
    return (sequence) => sequence < cursor || beyond.has(sequence);
  }

  /** What is settled beyond the cursor, as bits: the first one is that of the cursor. */
  bits(): Buffer {
    const bits = Buffer.alloc(MOST_BEYOND / 8);
    let length = 0;
    for (const sequence of this.beyond) {
      const bit = sequence - this.cursor;
      const at = bit >> 3;
      bits[at] = (bits[at] ?? 0) | (1 << (bit & 7));
      length = Math.max(length, at + 1);
    }
    return bits.subarray(0, length);
  }

  /** Settles what the bits say. The opposite of `bits`. */
  settleBits(bits: Buffer): void {
    const start = this.cursor;
    for (let bit = 0; bit < bits.length * 8; bit++) {
      if (((bits[bit >> 3] ?? 0) >> (bit & 7)) & 1) this.beyond.add(start + bit);
    }
    this.advance();
  }

  private advance(): void {
    for (;;) {
      const [hole] = this.holes;
      if (hole !== undefined && hole[0] <= this.cursor) {
        this.holes.shift();
        if (hole[1] > this.cursor) this.settleBelow(hole[1]);
      } else if (this.beyond.delete(this.cursor)) {
        this.cursor++;
      } else {
        return;
      }
    }
  }
}
