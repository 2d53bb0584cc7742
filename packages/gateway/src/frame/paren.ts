/**
 * Frames that are S-expressions: from "(" to the ")" that balances it. Parentheses count neither in strings ("…", with \ before a quotation mark)
 * nor in comments (from ";" to the end of the line). What lies between frames is skipped. After a frame that is dropped, the next one begins at a
 * "(" that follows an end of line.
 */

import type { Framer, FramerSettings, FrameSink } from "./framer.js";
import { Pending } from "./pending.js";

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const OPEN = 0x28;
const CLOSE = 0x29;
const SEMICOLON = 0x3b;
const BACKSLASH = 0x5c;
/** The deepest that parentheses may be nested. */
const DEPTH = 32;

/** Where the next byte is. "lost": behind a frame that was dropped, up to the end of the line. */
type Place = "list" | "string" | "escape" | "comment" | "lost";

export class ParenFramer implements Framer {
  private readonly pending: Pending;
  private place: Place = "list";
  /** 0: between frames. */
  private depth = 0;
  /** How many bytes the frame has so far. */
  private count = 0;

  constructor(
    private readonly settings: FramerSettings,
    private readonly sink: FrameSink,
  ) {
    this.pending = new Pending(settings, sink, "frame");
  }

  push(bytes: Uint8Array, now: number): void {
    const base = this.pending.offset;
    let start = 0;
    for (let at = 0; at < bytes.length; at++) {
      const before = this.depth;
      this.step(bytes[at] as number);
      if (this.depth === 0 && before === 0) continue;
      if (before === 0) start = at;
      this.count++;
      if (this.count > this.settings.maxFrame) {
        this.pending.tooLong(base + at + 1 - this.count);
        this.lose();
      } else if (this.depth > DEPTH) {
        this.tooDeep(bytes, start, at + 1, base, now);
      } else if (this.depth === 0) {
        this.frame(bytes, start, at + 1, base, now);
      }
    }
    this.pending.offset = base + bytes.length;
    if (this.depth > 0) this.pending.add(bytes, start, bytes.length, now);
  }

  end(): void {
    this.pending.cutOff();
    this.lose();
    this.place = "list";
  }

  deadline(): number {
    return this.pending.deadline();
  }

  advance(now: number): void {
    if (this.pending.expire(now)) this.lose();
  }

  private step(byte: number): void {
    switch (this.place) {
      case "escape":
        this.place = "string";
        return;
      case "string":
        if (byte === QUOTE) this.place = "list";
        else if (byte === BACKSLASH) this.place = "escape";
        return;
      case "comment":
      case "lost":
        if (byte === LF || byte === CR) this.place = "list";
        return;
      case "list":
        if (byte === OPEN) this.depth++;
        else if (byte === SEMICOLON) this.place = "comment";
        else if (this.depth === 0) return;
        else if (byte === CLOSE) this.depth--;
        else if (byte === QUOTE) this.place = "string";
    }
  }

  private lose(): void {
    this.place = "lost";
    this.depth = 0;
    this.count = 0;
  }

  /** Returns the frame so far, whose last part is in `bytes` from `start` to `end`, as bytes in which it is from the first number to the second. */
  private whole(bytes: Uint8Array, start: number, end: number, now: number): readonly [Uint8Array, number, number] {
    this.count = 0;
    if (this.pending.length === 0) return [bytes, start, end];
    this.pending.add(bytes, start, end, now);
    const whole = this.pending.take();
    return [whole, 0, whole.length];
  }

  private frame(bytes: Uint8Array, start: number, end: number, base: number, now: number): void {
    const range = { from: base + end - this.count, to: base + end };
    const [whole, from, to] = this.whole(bytes, start, end, now);
    this.sink.frame(whole, from, to, range);
  }

  private tooDeep(bytes: Uint8Array, start: number, end: number, base: number, now: number): void {
    const range = { from: base + end - this.count, to: base + end };
    const [whole, from, to] = this.whole(bytes, start, end, now);
    this.lose();
    const detail = `the parentheses are nested more than ${DEPTH} deep`;
    this.sink.broken("malformed", detail, whole.slice(from, to), range);
  }
}
