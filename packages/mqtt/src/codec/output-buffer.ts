/**
 * The buffer in which a connection's packets are encoded, one after the other, until the end of the tick passes them to
 * the transport. Owns only memory. Bytes that were taken are never written to again, except after `rewind`.
 */

import { TopicMemo } from "./topic-memo.js";

const SMALLEST_SLAB = 256;
const LARGEST_SLAB = 65_536;
const NO_SLAB = new Uint8Array(0);

/** Collects bytes to send in large chunks, so that many packets leave with one write. */
export class OutputBuffer {
  readonly topic = new TopicMemo();
  /**
   * The slab that `reserve` returns offsets of, created when first needed. Read it after `reserve`, which may replace
   * it.
   */
  bytes: Uint8Array = NO_SLAB;
  /** The start of the part of `bytes` that was not taken yet. */
  private start = 0;
  private end = 0;
  private full: Uint8Array[] = [];
  private fullLength = 0;

  /** @param largestSlab in bytes; slabs double in size from `smallestSlab` up to this */
  constructor(
    private readonly smallestSlab = SMALLEST_SLAB,
    private readonly largestSlab = LARGEST_SLAB,
  ) {}

  /** The number of bytes that wait. */
  get length(): number {
    return this.fullLength + this.end - this.start;
  }

  /** Reserves `size` bytes after what is there, and returns their offset in `bytes`. Write all of them. */
  reserve(size: number): number {
    const at = this.end;
    if (at + size <= this.bytes.length) {
      this.end = at + size;
      return at;
    }
    this.startSlab(size);
    this.end = size;
    return 0;
  }

  /** Ensures that the next calls of `reserve`, for `size` bytes together, return adjacent places. */
  keepTogether(size: number): void {
    if (this.end + size > this.bytes.length) this.startSlab(size);
  }

  /** Adds bytes by reference, without a copy. Do not change them until they are sent. */
  append(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.seal();
    this.full.push(bytes);
    this.fullLength += bytes.length;
  }

  /** Removes and returns all bytes that wait, in order. They belong to the caller. */
  take(): readonly Uint8Array[] {
    this.seal();
    const chunks = this.full;
    this.full = [];
    this.fullLength = 0;
    return chunks;
  }

  /** Discards the waiting bytes, because their connection is lost. */
  clear(): void {
    this.take();
  }

  /** Discards what was written, and reuses its memory. Call it only if nothing else refers to that memory. */
  rewind(): void {
    this.full = [];
    this.fullLength = 0;
    this.start = 0;
    this.end = 0;
  }

  private startSlab(size: number): void {
    this.seal();
    const doubled = Math.min(this.largestSlab, this.bytes.length * 2);
    this.bytes = new Uint8Array(Math.max(this.smallestSlab, doubled, size));
    this.start = 0;
    this.end = 0;
  }

  private seal(): void {
    if (this.end === this.start) return;
    this.full.push(this.bytes.subarray(this.start, this.end));
    this.fullLength += this.end - this.start;
    this.start = this.end;
  }
}
