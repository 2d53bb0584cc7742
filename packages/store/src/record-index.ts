/** The positions of a session's record values in its file, and the size of the records. Reads and writes no file. */

import type { StoreChange } from "@aiko/mqtt";
import { eachChange, RECORD_SIZE } from "./journal-format.js";

/** The position of a value. */
interface Place {
  readonly position: number;
  readonly length: number;
}

/** The memory of a record in addition to its value: its key and its position. The same as in the memory store. */
const RECORD_OVERHEAD = 64;

export class RecordIndex {
  private readonly places = new Map<StoreChange["key"], Place>();
  private valueBytes = 0;

  get size(): number {
    return this.places.size;
  }

  /** The bytes that count against the limit. */
  get bytes(): number {
    return this.valueBytes + this.places.size * RECORD_OVERHEAD;
  }

  /** The bytes of the records in the file. */
  get bytesInFile(): number {
    return this.valueBytes + this.places.size * RECORD_SIZE;
  }

  /** @param position the position of the changes in the file */
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

  /** Returns whether the record's current value is at this position, not a later one. */
  standsAt(key: number, position: number): boolean {
    return this.places.get(key)?.position === position;
  }

  /** Returns by how much these changes would increase `bytes`. */
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

  /** Returns the index of the same records for a file in which they have other positions. */
  moved(to: (key: number, position: number) => number): RecordIndex {
    const index = new RecordIndex();
    for (const [key, { position, length }] of this.places) {
      index.places.set(key, { position: to(key, position), length });
    }
    index.valueBytes = this.valueBytes;
    return index;
  }
}

/**
 * Returns the most that changes of this size can add to `bytes`: a put has at least RECORD_SIZE bytes, and adds
 * RECORD_OVERHEAD.
 */
export function mostGrowth(changesSize: number): number {
  return changesSize * Math.ceil(RECORD_OVERHEAD / RECORD_SIZE);
}

/** @param length the length of a value; negative without a value */
function sizeOf(length: number): number {
  return length < 0 ? 0 : length + RECORD_OVERHEAD;
}
