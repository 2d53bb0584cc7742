/**
 * A frame that has begun: its bytes so far, where they stand, and since when. Grows to the frame's limit and no further. Reports what framers of
 * all kinds report in the same way: a frame that is too long, too old, or cut off by the end of the connection.
 */

import type { FramerSettings, FrameSink, Range } from "./framer.js";

const SMALLEST = 256;

export class Pending {
  private buffer = new Uint8Array(0);
  private began = 0;
  /** How many bytes there are. */
  length = 0;
  /** The offset of the next byte among all bytes of the connection. */
  offset = 0;

  /**
   * @param noun what a frame is called in details, such as "line"
   * @param beyond how many bytes more than a frame may have are kept, because they may turn out not to belong to it
   */
  constructor(
    private readonly settings: FramerSettings,
    private readonly sink: FrameSink,
    private readonly noun: string,
    private readonly beyond = 0,
  ) {}

  /** Adds the bytes from `start` to `end`. The caller has seen to it that the limit is kept. */
  add(bytes: Uint8Array, start: number, end: number, now: number): void {
    if (this.length === 0) this.began = now;
    const length = this.length + end - start;
    if (length > this.buffer.length) {
      const most = this.settings.maxFrame + this.beyond;
      const grown = new Uint8Array(Math.min(most, Math.max(SMALLEST, 2 * length)));
      grown.set(this.buffer.subarray(0, this.length));
      this.buffer = grown;
    }
    this.buffer.set(bytes.subarray(start, end), this.length);
    this.length = length;
  }

  /** Returns the bytes and forgets them. */
  take(): Uint8Array {
    const bytes = this.buffer.subarray(0, this.length); // the next frame gets a buffer of its own
    this.clear();
    return bytes;
  }

  clear(): void {
    this.length = 0;
    this.buffer = new Uint8Array(0);
  }

  /** Where the bytes stand, if `offset` is that of the byte behind them. */
  range(): Range {
    return { from: this.offset - this.length, to: this.offset };
  }

  /** When the frame becomes too old; Infinity if there is none, or no timeout. */
  deadline(): number {
    return this.length === 0 || this.settings.frameTimeout === 0 ? Infinity : this.began + this.settings.frameTimeout;
  }

  /** Drops the frame if it is too old. Returns whether it was. */
  expire(now: number): boolean {
    if (now < this.deadline()) return false;
    const { noun, settings } = this;
    this.dropIncomplete(`the ${noun} began ${settings.frameTimeout} ms ago and has not ended`);
    return true;
  }

  /** Drops the frame, if there is one, because the connection has ended. */
  cutOff(): void {
    if (this.length > 0) this.dropIncomplete(`the connection ended before the ${this.noun} did`);
  }

  /** Drops the frame at its first byte too many, so that the range does not depend on how the bytes were cut. @param from where it begins */
  tooLong(from: number): void {
    const { maxFrame } = this.settings;
    this.clear();
    const range = { from, to: from + maxFrame + 1 };
    this.sink.broken("too-long", `the ${this.noun} has more than ${maxFrame} bytes`, undefined, range);
  }

  private dropIncomplete(detail: string): void {
    const range = this.range();
    this.sink.broken("incomplete", detail, this.take(), range);
  }
}
