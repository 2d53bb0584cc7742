/** Where the value of each of a session's records stands in its file, and how much the records take. Reads and writes no file. */

import type { StoreChange } from "@aiko/mqtt";
import { eachChange, RECORD_SIZE } from "./journal-format.js";

/** Where a value stands. */
interface Place {
  readonly position: number;
  readonly length: number;
}

/** What a record takes besides its value, in memory: its key and its place. As in the memory store. */
const RECORD_OVERHEAD = 64;

export class RecordIndex {
  private readonly places = new Map<StoreChange["key"], Place>();
  private valueBytes = 0;

  get size(): number {
    return this.places.size;
  }

  /** What the records take of a bound. */
  get bytes(): number {
    return this.valueBytes + this.places.size * RECORD_OVERHEAD;
  }

  /** What the records take of the file. */
  get bytesInFile(): number {
    return this.valueBytes + this.places.size * RECORD_SIZE;
  }

  /** @param position where the changes begin in the file */
  apply(changes: Buffer, position: number): void {
    eachChange(changes, (key, start, length) => {
      const before = this.places.get(key);
      if (before !== undefined) this.valueBytes -= before.length;
      if (length < 0) {
        this.places.delete(key);
      } else {
        this.places.set(key, { position: position + start, length });
        this.valueBytes += length;
      }
    });
  }

  /** Whether the record's value is what stands there, and not a later one. */
  standsAt(key: number, position: number): boolean {
    return this.places.get(key)?.position === position;
  }

  /** By how much these changes would have `bytes` grow. */
  growth(parts: readonly Buffer[]): number {
    const after = new Map<number, number>();
    let growth = 0;
    for (const part of parts) {
      eachChange(part, (key, _, length) => {
        const before = after.get(key) ?? sizeOf(this.places.get(key)?.length ?? -1);
        growth += sizeOf(length) - before;
        after.set(key, sizeOf(length));
      });
    }
    return growth;
  }

  /** The same records in a file in which they stand elsewhere. */
  moved(to: (key: number, position: number) => number): RecordIndex {
    const index = new RecordIndex();
    for (const [key, { position, length }] of this.places) {
      index.places.set(key, { position: to(key, position), length });
    }
    index.valueBytes = this.valueBytes;
    return index;
  }
}

/** What changes of so many bytes add to `bytes` at the most: a put takes RECORD_SIZE of them at least, and adds RECORD_OVERHEAD. */
export function mostGrowth(changesSize: number): number {
  return changesSize * Math.ceil(RECORD_OVERHEAD / RECORD_SIZE);
}

/** @param length of a value; negative without a value */
function sizeOf(length: number): number {
  return length < 0 ? 0 : length + RECORD_OVERHEAD;
}
