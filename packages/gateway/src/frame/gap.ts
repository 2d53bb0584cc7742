/** Frames that silence ends. The clock of arrival is coarse, so frames that follow each other closely may be taken for one. */

import type { Framer, FramerSettings, FrameSink } from "./framer.js";
import { Pending } from "./pending.js";

/** Characters of silence that end a frame, as in Modbus RTU, and the bits of a character with start, parity and stop bits. */
const CHARACTERS = 3.5;
const BITS = 11;
/** Above this rate, the silence does not become shorter. */
const FASTEST = 19_200;
const SHORTEST = 1.75;

/** The silence that ends a frame on a serial line, in milliseconds. */
export function gapAt(baud: number): number {
  return baud > FASTEST ? SHORTEST : (CHARACTERS * BITS * 1000) / baud;
}

export class GapFramer implements Framer {
  private readonly pending: Pending;
  private skipping = false;
  /** When the last byte came. */
  private last = -Infinity;

  /** @param gap milliseconds */
  constructor(
    private readonly settings: FramerSettings,
    private readonly gap: number,
    private readonly sink: FrameSink,
  ) {
    this.pending = new Pending(settings, sink, "frame");
  }

  push(bytes: Uint8Array, now: number): void {
    if (bytes.length === 0) return;
    const { pending } = this;
    if (now >= this.last + this.gap) this.silence();
    this.last = now;
    const from = pending.offset - pending.length;
    pending.offset += bytes.length;
    if (this.skipping) return;
    if (pending.offset - from <= this.settings.maxFrame) {
      pending.add(bytes, 0, bytes.length, now);
      return;
    }
    this.skipping = true;
    pending.tooLong(from);
  }

  end(): void {
    this.silence();
  }

  deadline(): number {
    const { pending } = this;
    return pending.length === 0 ? Infinity : Math.min(this.last + this.gap, pending.deadline());
  }

  advance(now: number): void {
    if (now >= this.last + this.gap) this.silence();
    else if (this.pending.expire(now)) this.skipping = true;
  }

  private silence(): void {
    this.skipping = false;
    if (this.pending.length === 0) return;
    const range = this.pending.range();
    const bytes = this.pending.take();
    this.sink.frame(bytes, 0, bytes.length, range);
  }
}
