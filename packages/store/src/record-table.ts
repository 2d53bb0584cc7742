/**
 * A hash table from the keys of records to where their values are, in typed arrays: 24 bytes a slot, where a Map of
 * objects takes 100 bytes a record. Knows nothing of files.
 */

/** Where a value is, and what identifies it. */
export interface Place {
  readonly position: number;
  /** In bytes. */
  readonly length: number;
  readonly checksum: number;
}

const SMALLEST = 8;
/** The table is doubled when more than this part of it is used, and halved when less than an eighth is. */
const FULL = 0.75;
const SPARSE = 0.125;
/** 2^32 divided by the golden ratio: spreads keys that follow each other over the table. */
const SPREAD = 0x9e37_79b1;
const TWO_32 = 2 ** 32;

export class RecordTable {
  private count = 0;
  /** The keys, plus 1: 0 is a free slot. */
  private keys = new Float64Array(SMALLEST);
  private positions = new Float64Array(SMALLEST);
  private lengths = new Uint32Array(SMALLEST);
  private checksums = new Uint32Array(SMALLEST);

  get size(): number {
    return this.count;
  }

  get(key: number): Place | undefined {
    const slot = this.find(key);
    if (this.keys[slot] === 0) return undefined;
    return {
      position: this.positions[slot] as number,
      length: this.lengths[slot] as number,
      checksum: this.checksums[slot] as number,
    };
  }

  /** Returns the position of the key's value; -1 if it has none. Makes no object. */
  positionOf(key: number): number {
    const slot = this.find(key);
    return this.keys[slot] === 0 ? -1 : (this.positions[slot] as number);
  }

  /** Returns the length of the key's value; -1 if it has none. Makes no object. */
  lengthOf(key: number): number {
    const slot = this.find(key);
    return this.keys[slot] === 0 ? -1 : (this.lengths[slot] as number);
  }

  set(key: number, position: number, length: number, checksum: number): void {
    let slot = this.find(key);
    if (this.keys[slot] === 0) {
      if (this.count + 1 > this.keys.length * FULL) {
        this.resize(this.keys.length * 2);
        slot = this.find(key);
      }
      this.count++;
      this.keys[slot] = key + 1;
    }
    this.positions[slot] = position;
    this.lengths[slot] = length;
    this.checksums[slot] = checksum;
  }

  delete(key: number): void {
    let free = this.find(key);
    if (this.keys[free] === 0) return;
    this.count--;
    // Entries behind it move up, so that each can be found from the slot that its key chooses.
    const mask = this.keys.length - 1;
    for (let slot = (free + 1) & mask; this.keys[slot] !== 0; slot = (slot + 1) & mask) {
      const chosen = this.slotOf((this.keys[slot] as number) - 1);
      if (((slot - chosen) & mask) < ((slot - free) & mask)) continue;
      this.move(slot, free);
      free = slot;
    }
    this.keys[free] = 0;
    if (this.keys.length > SMALLEST && this.count < this.keys.length * SPARSE) this.resize(this.keys.length / 2);
  }

  /** Gives each value the position that `to` returns. */
  relocate(to: (key: number, position: number) => number): void {
    const { keys, positions } = this;
    for (let slot = 0; slot < keys.length; slot++) {
      const key = keys[slot] as number;
      if (key !== 0) positions[slot] = to(key - 1, positions[slot] as number);
    }
  }

  /** The slot of the key, or the free one where it would be put. */
  private find(key: number): number {
    const { keys } = this;
    const mask = keys.length - 1;
    let slot = this.slotOf(key);
    while (keys[slot] !== 0 && keys[slot] !== key + 1) slot = (slot + 1) & mask;
    return slot;
  }

  /** The slot that the key chooses. It gets the next free one behind it. */
  private slotOf(key: number): number {
    const mixed = Math.imul((key | 0) ^ Math.floor(key / TWO_32), SPREAD) >>> 0;
    return Math.floor((mixed / TWO_32) * this.keys.length);
  }

  private move(from: number, to: number): void {
    this.keys[to] = this.keys[from] as number;
    this.positions[to] = this.positions[from] as number;
    this.lengths[to] = this.lengths[from] as number;
    this.checksums[to] = this.checksums[from] as number;
  }

  private resize(capacity: number): void {
    const { keys, positions, lengths, checksums } = this;
    this.keys = new Float64Array(capacity);
    this.positions = new Float64Array(capacity);
    this.lengths = new Uint32Array(capacity);
    this.checksums = new Uint32Array(capacity);
    for (let from = 0; from < keys.length; from++) {
      const key = keys[from] as number;
      if (key === 0) continue;
      const to = this.find(key - 1);
      this.keys[to] = key;
      this.positions[to] = positions[from] as number;
      this.lengths[to] = lengths[from] as number;
      this.checksums[to] = checksums[from] as number;
    }
  }
}
