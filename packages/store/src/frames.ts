/**
 * The content of a file after its header: frames, each the result of one synced write. Writes frames, and finds the intact ones again after any
 * damage. Knows nothing of what is in a frame's body.
 *
 *     frame    mark (4 bytes), length of the body (4), checksum of the body (4), checksum of these twelve bytes (4), body
 *
 * Integers are big-endian, checksums CRC-32. The mark, and the start values of the checksums, are in the header: see framing.ts.
 */

import { crc32 } from "./crc32.js";
import type { OpenFile } from "./file-system.js";
import { FRAME_HEADER_SIZE, type Framing, frameLength } from "./framing.js";

/** Returns the header of a frame whose body consists of these parts. */
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

/** An intact frame: its body, and where the body begins in the file. The bytes are valid until the next frame is read. */
export interface FoundFrame {
  readonly body: Buffer;
  readonly position: number;
}

/** A region of the file that contains no intact frame. */
export interface DamagedRegion {
  readonly damaged: number;
  readonly position: number;
}

/** Reads frames one after the other, up to an end that may move. Reads each byte a few times at most. */
export class FrameReader {
  private readonly window: Window;
  private at: number;

  /**
   * @param isBody whether an intact frame's body has the form that the file's kind requires
   * @param windowSize bytes that are read at once, and kept in memory, if no frame is longer
   */
  constructor(
    file: OpenFile,
    end: number,
    private readonly framing: Framing,
    private readonly isBody: (body: Buffer) => boolean,
    windowSize = WINDOW,
  ) {
    this.window = new Window(file, end, windowSize);
    this.at = framing.header.length;
  }

  /** Where the next frame begins. After the last frame: where the intact frames end. */
  get position(): number {
    return Math.min(this.at, this.window.end);
  }

  /** Moves the end of what may be read, after frames were added. */
  extend(end: number): void {
    this.window.end = end;
  }

  /** Leaves the next frame out: the caller has its body, of this length. */
  skip(length: number): void {
    this.at += FRAME_HEADER_SIZE + length;
  }

  /**
   * Resolves to the next frame or damaged region, or to undefined at the end. Behind the end's `position` stands at most what a crash left
   * of a frame that was being written, and whose write was never reported as done.
   */
  async next(): Promise<FoundFrame | DamagedRegion | undefined> {
    const { at, window, framing } = this;
    if (at >= window.end) return undefined;
    const length = await bodyLength(window, at, framing);
    const next = length === undefined ? await nextHeader(window, at + 1, framing) : at + FRAME_HEADER_SIZE + length;
    if (length !== undefined && next <= window.end) {
      const body = await intactBody(window, at, length, framing);
      if (body && this.isBody(body)) {
        this.at = next;
        return { body, position: at + FRAME_HEADER_SIZE };
      }
    }
    if (next >= window.end && (await isTorn(window, at, next))) return undefined;
    this.at = length !== undefined || framing.isUnforgeable ? Math.min(next, window.end) : window.end;
    return { damaged: this.at - at, position: at };
  }
}

async function bodyLength(window: Window, at: number, framing: Framing): Promise<number | undefined> {
  if (at + FRAME_HEADER_SIZE > window.end) return undefined;
  return frameLength(await window.at(at, FRAME_HEADER_SIZE), framing);
}

/** Returns the body if it is intact. `bodyLength` has found its header. */
async function intactBody(window: Window, at: number, length: number, framing: Framing): Promise<Buffer | undefined> {
  const frame = await window.at(at, FRAME_HEADER_SIZE + length);
  const body = frame.subarray(FRAME_HEADER_SIZE);
  return crc32(body, framing.bodySeed) === frame.readUInt32BE(8) ? body : undefined;
}

/**
 * Returns the position of the next frame's header, at or after `from`; the end of the file if there is none. Does not check the body: with many
 * headers that announce long bodies, the same bytes would be read again for each.
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
  end: number;
  private bytes = Buffer.alloc(0);
  private start = 0;

  constructor(
    private readonly file: OpenFile,
    end: number,
    private readonly size: number,
  ) {
    this.end = end;
  }

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
    const size = Math.min(Math.max(length, this.size), this.end - position);
    if (this.bytes.buffer.byteLength < size || this.bytes.byteOffset !== 0) this.bytes = Buffer.allocUnsafeSlow(size);
    const buffer = Buffer.from(this.bytes.buffer, 0, size);
    const filled = await this.file.read(buffer, position);
    if (filled < length) throw new Error(`the file ends at ${position + filled}, before the end of the written data`);
    this.bytes = buffer.subarray(0, filled);
    this.start = position;
  }
}

const WINDOW = 2 ** 20;
