/**
 * Frames that are lines. LF, CR LF or CR ends a line; the end is not part of the frame; empty lines are skipped, so the LF of CR LF is one.
 * After a line that is too long, or that was incomplete for too long, everything up to its end is skipped: the rest of a line is never a frame.
 */

import type { Framer, FramerSettings, FrameSink } from "./framer.js";
import { Pending } from "./pending.js";

const LF = 0x0a;
const CR = 0x0d;

export class LineFramer implements Framer {
  private readonly pending: Pending;
  private skipping = false;

  /** @param keepLast whether a last line without an end is a frame when the connection ends */
  constructor(
    private readonly settings: FramerSettings,
    private readonly keepLast: boolean,
    private readonly sink: FrameSink,
  ) {
    this.pending = new Pending(settings, sink, "line");
  }

  push(bytes: Uint8Array, now: number): void {
    const length = bytes.length;
    const base = this.pending.offset;
    const { maxFrame } = this.settings;
    let start = 0;
    for (let at = 0; at < length; at++) {
      const byte = bytes[at] as number;
      if (byte > CR || (byte !== LF && byte !== CR)) continue;
      if (this.skipping) this.skipping = false;
      else if (this.pending.length > 0 || at > start) this.line(bytes, start, at, base, now);
      start = at + 1;
    }
    this.pending.offset = base + length;
    if (start === length || this.skipping) return;
    if (this.pending.length + length - start > maxFrame) {
      this.pending.tooLong(base + start - this.pending.length);
      this.skipping = true;
    } else {
      this.pending.add(bytes, start, length, now);
    }
  }

  end(): void {
    this.skipping = false;
    if (!this.keepLast) this.pending.cutOff();
    if (this.pending.length === 0) return;
    const range = this.pending.range();
    const bytes = this.pending.take();
    this.sink.frame(bytes, 0, bytes.length, range);
  }

  deadline(): number {
    return this.pending.deadline();
  }

  advance(now: number): void {
    if (this.pending.expire(now)) this.skipping = true;
  }

  /** The line's last part is in `bytes` from `start` to `end`; `base` is the offset of `bytes`. */
  private line(bytes: Uint8Array, start: number, end: number, base: number, now: number): void {
    const before = this.pending.length;
    if (before + end - start > this.settings.maxFrame) {
      this.pending.tooLong(base + start - before);
      return;
    }
    const range = { from: base + start - before, to: base + end };
    if (before === 0) {
      this.sink.frame(bytes, start, end, range);
      return;
    }
    this.pending.add(bytes, start, end, now);
    const whole = this.pending.take();
    this.sink.frame(whole, 0, whole.length, range);
  }
}
