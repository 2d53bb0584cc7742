/** A frame that has begun: its bytes so far, and since when. Grows to the frame's limit and no further. */

import type { FramerSettings } from "./framer.js";

const SMALLEST = 256;

export class Pending {
  private buffer = new Uint8Array(0);
  private began = 0;
  /** How many bytes there are. */
  length = 0;

  constructor(private readonly settings: FramerSettings) {}

  /** Adds the bytes from `start` to `end`. The caller has seen to it that the limit is kept. */
  add(bytes: Uint8Array, start: number, end: number, now: number): void {
    if (this.length === 0) this.began = now;
    const length = this.length + end - start;
    if (length > this.buffer.length) {
      const grown = new Uint8Array(Math.min(this.settings.maxFrame, Math.max(SMALLEST, 2 * length)));
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

  /** When the frame becomes too old; Infinity if there is none, or no timeout. */
  deadline(): number {
    return this.length === 0 || this.settings.frameTimeout === 0 ? Infinity : this.began + this.settings.frameTimeout;
  }
}
