/** The positions of a session's record values in its file, and the size of the records. Reads and writes no file. */

import { crc32 } from "./crc32.js";
import { eachChange, RECORD_SIZE } from "./journal-format.js";
import { type Place, RecordTable } from "./record-table.js";

/** The memory of a record in addition to its value: its key and its position. The same as in the memory store. */
const RECORD_OVERHEAD = 64;

export class RecordIndex {
  private readonly places = new RecordTable();
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
    const { places } = this;
    eachChange(changes, (key, start, length) => {
      this.valueBytes -= Math.max(0, places.lengthOf(key));
      if (length < 0) {
        places.delete(key);
      } else {
        places.set(key, position + start, length, crc32(changes.subarray(start, start + length)));
        this.valueBytes += length;
      }
    });
  }

  /** Returns where the record's value is in the file; undefined if there is no such record. */
  placeOf(key: number): Place | undefined {
    return this.places.get(key);
  }

  /** Returns whether the record's current value is at this position, not a later one. */
  standsAt(key: number, position: number): boolean {
    return this.places.positionOf(key) === position;
  }

  /** Returns by how much these changes would increase `bytes`. */
  growth(parts: readonly Buffer[]): number {
    const after = new Map<number, number>();
    let growth = 0;
    for (const part of parts) {
      eachChange(part, (key, _, length) => {
        const before = after.get(key) ?? sizeOf(this.places.lengthOf(key));
        growth += sizeOf(length) - before;
        after.set(key, sizeOf(length));
      });
    }
    return growth;
  }

  /** The same records are in another file now, at the positions that `to` returns. */
  relocate(to: (key: number, position: number) => number): void {
    this.places.relocate(to);
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
