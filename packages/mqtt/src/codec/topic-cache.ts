/**
 * Topic names that came before, found again by their bytes: a connection carries few names many times, and one that is known
 * needs no new string and no check. Bounded; knows only names that were found right.
 */

interface Entry {
  readonly bytes: Uint8Array;
  readonly topic: string;
}

/** A power of two. A name that falls on another's place takes it. */
const PLACES = 256;
/** Longer names, in bytes, are not kept: comparing them gains little, and they would take memory. */
const LONGEST = 128;

export class TopicCache {
  /** Made with the first name: a connection that only publishes receives none. */
  private entries: (Entry | undefined)[] | undefined;

  /** The name whose UTF-8 form stands in `bytes` from `start` to `end`, if it is known. */
  find(bytes: Uint8Array, start: number, end: number): string | undefined {
    const { entries } = this;
    if (entries === undefined) return undefined;
    const entry = entries[placeOf(bytes, start, end)];
    if (entry === undefined || entry.bytes.length !== end - start) return undefined;
    const known = entry.bytes;
    for (let i = 0; i < known.length; i++) if (known[i] !== bytes[start + i]) return undefined;
    return entry.topic;
  }

  /** Keeps a name that was found right. */
  add(bytes: Uint8Array, start: number, end: number, topic: string): void {
    if (end - start > LONGEST) return;
    this.entries ??= new Array(PLACES).fill(undefined);
    this.entries[placeOf(bytes, start, end)] = { bytes: new Uint8Array(bytes.subarray(start, end)), topic };
  }
}

/** From the length and up to eight bytes, the last ones most: names differ there. */
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
