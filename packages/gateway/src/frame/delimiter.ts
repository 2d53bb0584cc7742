/**
 * Frames that a sequence of bytes ends, and another may begin. Empty frames are skipped, as is what lies before the beginning. After a frame that
 * is too long, or that was incomplete for too long, everything up to its end is skipped, or up to the next beginning if that comes first.
 */

import type { DelimiterSettings } from "../configuration/frame-settings.js";
import type { Framer, FramerSettings, FrameSink } from "./framer.js";
import { Pending } from "./pending.js";
import { Sequence } from "./sequence.js";

const NONE = new Uint8Array(0);

export class DelimiterFramer implements Framer {
  private readonly pending: Pending;
  private readonly beginning: Sequence | undefined;
  private readonly ending: Sequence;
  private readonly before: Uint8Array;
  /** The most bytes of a frame with its beginning, and without its end. */
  private readonly limit: number;
  private state: "outside" | "inside" | "skipping";
  /** How many bytes the frame has so far, with its beginning. */
  private count = 0;

  constructor(
    settings: FramerSettings,
    private readonly delimiters: Omit<DelimiterSettings, "kind">,
    private readonly sink: FrameSink,
  ) {
    const { start, end } = delimiters;
    this.before = start ?? NONE;
    this.limit = this.before.length + settings.maxFrame;
    this.pending = new Pending(settings, sink, "frame", this.before.length + end.length);
    this.beginning = start && new Sequence(start);
    this.ending = new Sequence(end);
    this.state = start === undefined ? "inside" : "outside";
  }

  push(bytes: Uint8Array, now: number): void {
    const base = this.pending.offset;
    /** Where the bytes of the frame that are not pending begin. */
    let start = 0;
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (this.state === "inside") {
        this.count++;
        if (this.ending.endsWith(byte)) {
          this.frame(bytes, start, at + 1, base, now);
          start = at + 1;
        } else if (this.count - this.ending.matched > this.limit) {
          this.pending.tooLong(base + at + 1 - this.count + this.before.length);
          this.state = "skipping";
        }
        continue;
      }
      if (this.state === "skipping" && this.ending.endsWith(byte)) this.outside();
      else if (this.beginning?.endsWith(byte) === true) this.inside(base + at + 1, now);
      else continue;
      start = at + 1;
    }
    this.pending.offset = base + bytes.length;
    if (this.state === "inside" && start < bytes.length) this.pending.add(bytes, start, bytes.length, now);
  }

  end(): void {
    if (this.count > this.before.length) this.pending.cutOff();
    this.pending.clear();
    this.outside();
  }

  deadline(): number {
    return this.pending.deadline();
  }

  advance(now: number): void {
    if (this.pending.expire(now)) this.state = "skipping";
  }

  private outside(): void {
    this.state = this.beginning === undefined ? "inside" : "outside";
    this.count = 0;
    this.ending.reset();
    this.beginning?.reset();
  }

  /** @param offset of the byte behind the beginning */
  private inside(offset: number, now: number): void {
    this.state = "inside";
    this.ending.reset();
    this.count = this.before.length;
    this.pending.offset = offset;
    this.pending.add(this.before, 0, this.before.length, now);
  }

  /** The frame's last part, with its end, is in `bytes` from `start` to `end`; `base` is the offset of `bytes`. */
  private frame(bytes: Uint8Array, start: number, end: number, base: number, now: number): void {
    const { pending, before, delimiters } = this;
    const to = base + end;
    const isEmpty = this.count === before.length + delimiters.end.length;
    const [first, last] = delimiters.keep ? [0, 0] : [before.length, delimiters.end.length];
    const range = { from: to - this.count + first, to: to - last };
    this.outside();
    if (isEmpty && !delimiters.keep) {
      pending.clear();
    } else if (pending.length === 0) {
      this.sink.frame(bytes, start + first, end - last, range);
    } else {
      pending.add(bytes, start, end, now);
      const whole = pending.take();
      this.sink.frame(whole, first, whole.length - last, range);
    }
  }
}
