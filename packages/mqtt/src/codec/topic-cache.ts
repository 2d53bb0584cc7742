/**
 * A cache of received topic names by their bytes. A connection carries few names many times; a known name needs no new
 * string and no check. It has a size limit, and contains only valid names.
 */

interface Entry {
  readonly bytes: Uint8Array;
  readonly topic: string;
}

/** A power of two. A name replaces an earlier one in the same place. */
const PLACES = 256;
/** Longer names, in bytes, are not cached: the comparison would gain little, and they would take memory. */
const LONGEST = 128;

export class TopicCache {
  /** Created with the first name: a connection that only publishes receives none. */
  private entries: (Entry | undefined)[] | undefined;

  /** Returns the name whose UTF-8 form is in `bytes` from `start` to `end`, if it is known. */
  find(bytes: Uint8Array, start: number, end: number): string | undefined {
    const { entries } = this;
    if (entries === undefined) return undefined;
    const entry = entries[placeOf(bytes, start, end)];
    if (entry === undefined || entry.bytes.length !== end - start) return undefined;
    const known = entry.bytes;
    for (let i = 0; i < known.length; i++) if (known[i] !== bytes[start + i]) return undefined;
    return entry.topic;
  }

  /** Adds a valid name. */
  add(bytes: Uint8Array, start: number, end: number, topic: string): void {
    if (end - start > LONGEST) return;
    this.entries ??= new Array(PLACES).fill(undefined);
    this.entries[placeOf(bytes, start, end)] = { bytes: new Uint8Array(bytes.subarray(start, end)), topic };
  }
}

/** Hashes the length and up to eight bytes, with most weight on the last ones, in which names differ most. */
function placeOf(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  let hash = length;
  for (let at = end - 1, left = 4; left > 0 && at >= start; at--, left--) {
    hash = Math.imul(hash, 31) + (bytes[at] as number);
  }
  const step = (length >> 2) | 1;
  for (let at = start; at < end; at += step) hash = Math.imul(hash, 31) + (bytes[at] as number);
  return (hash ^ (hash >>> 8)) & (PLACES - 1);
}
