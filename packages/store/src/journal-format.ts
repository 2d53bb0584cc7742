/**
 * The bytes of a session's file behind its header: frames, each the changes of one synced write. Writes them and finds them again,
 * whatever happened to the file. Knows nothing of when they are written.
 *
 *     frame    mark (4 bytes), length of the body (4), checksum of the body (4), checksum of these twelve bytes (4), body
 *     body     changes: key (8; with the highest bit set it is a removal), and for a put the value's length (4) and the value
 *
 * Integers are big-endian, checksums CRC-32. The mark, and what the checksums begin with, is in the header: see framing.ts.
 */

import type { StoreChange } from "@aiko/mqtt";
import { crc32 } from "./crc32.js";
import type { OpenFile } from "./file-system.js";
import { FRAME_HEADER_SIZE, type Framing, frameLength } from "./framing.js";

const REMOVAL = 0x8000_0000;
const TWO_32 = 2 ** 32;

/** A record's bytes in the file, besides its value. */
export const RECORD_SIZE = 12;
/** The most bytes of one frame's body, if it is made of several writes, or of records that are copied. */
export const FRAME_SIZE = 2 ** 20;

/** What stands before a body that consists of these parts. */
export function writeFrameHeader(parts: readonly Uint8Array[], { mark, seed, bodySeed }: Framing): Buffer {
  const header = Buffer.allocUnsafe(FRAME_HEADER_SIZE);
  let length = 0;
  let checksum = bodySeed;
  for (const part of parts) {
    length += part.length;
    checksum = crc32(part, checksum);
  }
  header.writeUInt32BE(mark, 0);
  header.writeUInt32BE(length, 4);
  header.writeUInt32BE(checksum, 8);
  header.writeUInt32BE(crc32(header.subarray(0, 12), seed), 12);
  return header;
}

/** A part of a body. The values are copied. */
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

/** Where a value begins in `bytes` and how long it is; a length of -1 is a removal. */
export type EachChange = (key: number, start: number, length: number) => void;

/** @returns whether the bytes are changes and nothing else */
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

export interface Frames {
  /** An intact frame: its body, and where that begins in the file. The bytes are valid until this returns or resolves. */
  frame(body: Buffer, position: number): void | Promise<void>;
  /** Bytes that are none. */
  damaged(position: number, length: number): void;
}

/**
 * Walks through the file from its first frame up to `end`. Resolves to where its intact frames end: behind that stands at most what a
 * crash left of a frame that was being written, which nobody was told of as written. Reads each byte a few times at most.
 */
export async function walk(file: OpenFile, end: number, framing: Framing, frames: Frames): Promise<number> {
  const window = new Window(file, end);
  let at = framing.header.length;
  while (at < end) {
    const length = await bodyLength(window, at, framing);
    const next = length === undefined ? await nextHeader(window, at + 1, framing) : at + FRAME_HEADER_SIZE + length;
    if (length !== undefined && next <= end) {
      const body = await intactBody(window, at, length, framing);
      if (body) {
        await frames.frame(body, at + FRAME_HEADER_SIZE);
        at = next;
        continue;
      }
    }
    if (next >= end && (await isTorn(window, at, next))) return at;
    const stop = length !== undefined || framing.isUnforgeable ? Math.min(next, end) : end;
    frames.damaged(at, stop - at);
    at = stop;
  }
  return Math.min(at, end);
}

async function bodyLength(window: Window, at: number, framing: Framing): Promise<number | undefined> {
  if (at + FRAME_HEADER_SIZE > window.end) return undefined;
  return frameLength(await window.at(at, FRAME_HEADER_SIZE), framing);
}

/** `bodyLength` has said that a header stands there. */
async function intactBody(window: Window, at: number, length: number, framing: Framing): Promise<Buffer | undefined> {
  const frame = await window.at(at, FRAME_HEADER_SIZE + length);
  const body = frame.subarray(FRAME_HEADER_SIZE);
  return crc32(body, framing.bodySeed) === frame.readUInt32BE(8) && eachChange(body, () => {}) ? body : undefined;
}

/**
 * Where the next frame's header stands, at `from` or behind it; the end of the file if there is none. Whether its body is intact is
 * not asked: headers that all announce long bodies would have the same bytes read again for each.
 */
async function nextHeader(window: Window, from: number, framing: Framing): Promise<number> {
  const mark = Buffer.alloc(4);
  mark.writeUInt32BE(framing.mark);
  for (let at = from; at + FRAME_HEADER_SIZE <= window.end; ) {
    const bytes = await window.behind(at, FRAME_HEADER_SIZE);
    for (let found = bytes.indexOf(mark); found >= 0; found = bytes.indexOf(mark, found + 1)) {
      if (frameLength(bytes.subarray(found), framing) !== undefined) return at + found;
    }
    at += bytes.length - (FRAME_HEADER_SIZE - 1);
  }
  return window.end;
}

/**
 * Whether the file's last bytes, from `at`, look like a write that a crash interrupted: cut short, or with a sector that never
 * reached the disk and reads as zeros. A flipped bit looks otherwise.
 */
async function isTorn(window: Window, at: number, frameEnd: number): Promise<boolean> {
  if (frameEnd > window.end || at + FRAME_HEADER_SIZE > window.end) return true;
  for (let start = at; start < window.end; ) {
    const stop = Math.min(start - (start % SECTOR) + SECTOR, window.end);
    if ((await window.at(start, stop - start)).every((byte) => byte === 0)) return true;
    start = stop;
  }
  return false;
}

const SECTOR = 512;

/** A part of the file in memory, which moves along with the reader. */
class Window {
  private bytes = Buffer.alloc(0);
  private start = 0;

  constructor(
    private readonly file: OpenFile,
    readonly end: number,
  ) {}

  /** Bytes that stay valid until the next call. */
  async at(position: number, length: number): Promise<Buffer> {
    if (position < this.start || position + length > this.start + this.bytes.length) await this.load(position, length);
    return this.bytes.subarray(position - this.start, position - this.start + length);
  }

  /** All that is in memory from `position` on, `least` bytes at least; valid until the next call. */
  async behind(position: number, least: number): Promise<Buffer> {
    await this.at(position, least);
    return this.bytes.subarray(position - this.start);
  }

  private async load(position: number, length: number): Promise<void> {
    const size = Math.min(Math.max(length, WINDOW), this.end - position);
    if (this.bytes.buffer.byteLength < size || this.bytes.byteOffset !== 0) this.bytes = Buffer.allocUnsafeSlow(size);
    const buffer = Buffer.from(this.bytes.buffer, 0, size);
    const filled = await this.file.read(buffer, position);
    if (filled < length) throw new Error(`the file ends at ${position + filled}, before the end of the written data`);
    this.bytes = buffer.subarray(0, filled);
    this.start = position;
  }
}

const WINDOW = 2 ** 20;
