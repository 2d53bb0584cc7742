/**
 * The body of a frame in a session's file: the changes of one synced write. Knows nothing of frames, or of when they are written.
 *
 *     body     changes: key (8 bytes; the highest bit marks a removal), and for a put the value's length (4) and the value
 *
 * Integers are big-endian. Frames are in frames.ts.
 */

import type { StoreChange } from "@aiko/mqtt";

const REMOVAL = 0x8000_0000;
const TWO_32 = 2 ** 32;

/** A record's bytes in the file, in addition to its value. */
export const RECORD_SIZE = 12;
/** The most bytes of one frame's body, if it contains several writes or copied records. */
export const FRAME_SIZE = 2 ** 20;

/** Encodes changes as a part of a body. The values are copied. */
export function writeChanges(changes: readonly StoreChange[]): Buffer {
  let size = 0;
  for (const { value } of changes) size += value === undefined ? 8 : RECORD_SIZE + value.length;
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const { key, value } of changes) {
    const high = Math.floor(key / TWO_32);
    bytes.writeUInt32BE(value === undefined ? high + REMOVAL : high, at);
    bytes.writeUInt32BE(key % TWO_32, at + 4);
    at += 8;
    if (value !== undefined) {
      bytes.writeUInt32BE(value.length, at);
      bytes.set(value, at + 4);
      at += 4 + value.length;
    }
  }
  return bytes;
}

/** Receives the offset of a value in `bytes`, and its length; a length of -1 is a removal. */
export type EachChange = (key: number, start: number, length: number) => void;

/** @returns whether the bytes consist of valid changes only */
export function eachChange(bytes: Buffer, each: EachChange): boolean {
  let at = 0;
  while (at + 8 <= bytes.length) {
    const high = bytes.readUInt32BE(at);
    const low = bytes.readUInt32BE(at + 4);
    at += 8;
    if (high >= REMOVAL) {
      each((high - REMOVAL) * TWO_32 + low, at, -1);
      continue;
    }
    if (at + 4 > bytes.length) return false;
    const length = bytes.readUInt32BE(at);
    at += 4;
    if (at + length > bytes.length) return false;
    each(high * TWO_32 + low, at, length);
    at += length;
  }
  return at === bytes.length;
}

/** Returns whether the bytes consist of valid changes only. */
export function isChanges(bytes: Buffer): boolean {
  return eachChange(bytes, () => {});
}
