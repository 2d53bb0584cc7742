/**
 * Frames that are recognized by what is in them. Where no frame begins, or where one fails its check, the search goes on one byte further: a frame
 * behind garbage is found. Knows no protocol: a `Shape` says what begins at a byte.
 */

import type { BrokenReason, Framer, FramerSettings, FrameSink } from "./framer.js";

/** What begins at a byte. */
export type Begin =
  /** A frame of so many bytes, which are all there. */
  | { readonly what: "frame"; readonly length: number }
  /** More bytes are needed to know it. */
  | { readonly what: "more" }
  /** Nothing that looks like a frame. */
  | { readonly what: "nothing" }
  /** So many bytes look like a frame, or like its beginning, but they are none. Most details are not needed. */
  | { readonly what: "wrong"; readonly length: number; readonly reason: BrokenReason; detail(): string }
  /** A frame that is too long, of `length` bytes, of which `header` are there at least. All of it is skipped. */
  | { readonly what: "skip"; readonly header: number; readonly length: number; readonly detail: string };

/** So that they are not made for each byte. */
export const MORE: Begin = { what: "more" };
export const NOTHING: Begin = { what: "nothing" };

export interface Shape {
  /**
   * Says what begins at `start`. What it says does not depend on how many bytes there are, except that it may need more.
   *
   * @param isLast whether no more bytes will come
   */
  begin(bytes: Uint8Array, start: number, end: number, isLast: boolean): Begin;
}

/** Bytes that are no frame, from and to as offsets in the buffer. */
interface Run {
  readonly from: number;
  to: number;
  readonly reason: BrokenReason;
  readonly detail: string;
}

/**
 * How often a byte may be read without becoming part of a frame, on average. Enough to find the frame behind garbage that looks like frames again and again; without
 * it, such garbage would take time that grows with the square of `maxFrame`.
 */
const LOOKS = 16;
const SMALLEST = 256;

export class SlidingFramer implements Framer {
  private buffer = new Uint8Array(0);
  /** Where a frame is looked for. The bytes from `filled` on are free. */
  private at = 0;
  private filled = 0;
  /** The offset of the buffer's first byte among all bytes of the connection. */
  private offset = 0;
  /** What failed and is not reported yet: up to its end, a frame may still begin. */
  private run: Run | undefined;
  /** Bytes of a frame that is skipped. */
  private skip = 0;
  /** How many bytes may now be read without becoming part of a frame. */
  private credit: number;
  /** Since when the byte at `at` is there, or later; when the last byte came. */
  private began = 0;
  private last = -Infinity;

  constructor(
    private readonly settings: FramerSettings,
    private readonly shape: Shape,
    private readonly sink: FrameSink,
  ) {
    this.credit = LOOKS * settings.maxFrame;
  }

  push(bytes: Uint8Array, now: number): void {
    if (bytes.length === 0) return;
    const { frameTimeout } = this.settings;
    // A length that was wrong must not make the source deaf for ever.
    if (frameTimeout > 0 && now >= this.last + frameTimeout) this.skip = 0;
    this.last = now;
    for (let taken = 0; taken < bytes.length; ) {
      const skipped = Math.min(this.skip, bytes.length - taken);
      if (skipped > 0) {
        this.skip -= skipped;
        this.offset += skipped;
        taken += skipped;
        continue;
      }
      const most = Math.min(bytes.length - taken, this.room());
      this.buffer.set(bytes.subarray(taken, taken + most), this.filled);
      if (this.at === this.filled) this.began = now;
      this.filled += most;
      taken += most;
      this.search(now);
    }
  }

  end(): void {
    while (this.at < this.filled) this.giveUp("the connection ended before the frame did", this.last);
    this.skip = 0;
  }

  deadline(): number {
    const { frameTimeout } = this.settings;
    return this.at === this.filled || frameTimeout === 0 ? Infinity : this.began + frameTimeout;
  }

  advance(now: number): void {
    while (now >= this.deadline()) {
      this.giveUp(`the frame began ${this.settings.frameTimeout} ms ago and has not ended`, this.last);
    }
  }

  /** Makes room for further bytes, and returns for how many. A run and the frame behind it take at most half of it. */
  private room(): number {
    const most = 4 * this.settings.maxFrame + SMALLEST;
    if (this.filled < this.buffer.length) return this.buffer.length - this.filled;
    const from = this.run?.from ?? this.at;
    const length = this.filled - from;
    // Frames are copied out of the buffer, so that it can be used again.
    const isLarge = 2 * length < this.buffer.length;
    const next = isLarge ? this.buffer : new Uint8Array(Math.min(most, Math.max(SMALLEST, 4 * length)));
    next.set(this.buffer.subarray(from, this.filled));
    this.buffer = next;
    this.move(from);
    return next.length - this.filled;
  }

  private move(by: number): void {
    this.offset += by;
    this.at -= by;
    this.filled -= by;
    if (this.run !== undefined) this.run = { ...this.run, from: this.run.from - by, to: this.run.to - by };
  }

  /** Finds frames until more bytes are needed. */
  private search(now: number): void {
    while (this.at < this.filled) {
      const begin = this.shape.begin(this.buffer, this.at, this.filled, false);
      if (begin.what === "more") return;
      switch (begin.what) {
        case "nothing":
          this.go(1, now);
          break;
        case "wrong":
          this.run ??= { from: this.at, to: this.at + begin.length, reason: begin.reason, detail: begin.detail() };
          this.wrong(begin.length, now);
          break;
        case "frame":
          this.frame(begin.length, now);
          break;
        case "skip":
          this.report();
          this.tooLong(begin.header, begin.length, begin.detail);
      }
    }
    if (this.run === undefined) {
      this.offset += this.filled;
      this.at = 0;
      this.filled = 0;
    }
  }

  private go(by: number, now: number): void {
    this.at += by;
    this.began = now;
    this.credit = Math.min(LOOKS * this.settings.maxFrame, this.credit + LOOKS * by);
    if (this.run !== undefined && this.at >= this.run.to) this.report();
  }

  private wrong(length: number, now: number): void {
    this.credit -= length;
    const isTooOften = this.credit < 0;
    if (isTooOften && this.run !== undefined) this.run.to = Math.max(this.run.to, this.at + length);
    this.go(isTooOften ? length : 1, now);
  }

  /** What is at `at` gets no more bytes. If that is not a frame, what follows may be one. */
  private giveUp(detail: string, now: number): void {
    const begin = this.shape.begin(this.buffer, this.at, this.filled, true);
    if (begin.what === "frame") {
      this.frame(begin.length, now);
    } else {
      this.run ??= { from: this.at, to: this.filled, reason: "incomplete", detail };
      this.go(1, now);
    }
    this.search(now);
  }

  private frame(length: number, now: number): void {
    this.report();
    const range = { from: this.offset + this.at, to: this.offset + this.at + length };
    this.sink.frame(this.buffer.slice(this.at, this.at + length), 0, length, range);
    this.go(length, now);
  }

  private tooLong(header: number, length: number, detail: string): void {
    const from = this.offset + this.at;
    const range = { from, to: from + header };
    this.sink.broken("too-long", detail, undefined, range);
    const there = Math.min(length, this.filled - this.at);
    this.at += there;
    this.skip = length - there;
  }

  /** Reports the bytes that are no frame, up to where the search is. */
  private report(): void {
    if (this.run === undefined) return;
    const { from, reason, detail } = this.run;
    const to = Math.min(this.run.to, this.at);
    this.run = undefined;
    this.sink.broken(reason, detail, this.buffer.slice(from, to), { from: this.offset + from, to: this.offset + to });
  }
}
