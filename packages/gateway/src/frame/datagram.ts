/** Frames that are datagrams: all bytes until `end` are one frame, also none. An HTTP body is one as well. */

import type { Framer, FramerSettings, FrameSink } from "./framer.js";
import { Pending } from "./pending.js";

export class DatagramFramer implements Framer {
  private readonly pending: Pending;
  private offset = 0;
  private skipping = false;

  constructor(
    private readonly settings: FramerSettings,
    private readonly sink: FrameSink,
  ) {
    this.pending = new Pending(settings);
  }

  push(bytes: Uint8Array, now: number): void {
    const from = this.offset - this.pending.length;
    this.offset += bytes.length;
    if (this.skipping || bytes.length === 0) return;
    if (this.offset - from <= this.settings.maxFrame) {
      this.pending.add(bytes, 0, bytes.length, now);
      return;
    }
    this.skipping = true;
    this.pending.clear();
    this.sink.broken("too-long", `the datagram has more than ${this.settings.maxFrame} bytes`, undefined, {
      from,
      to: from + this.settings.maxFrame + 1,
    });
  }

  end(): void {
    if (this.skipping) {
      this.skipping = false;
      return;
    }
    const range = { from: this.offset - this.pending.length, to: this.offset };
    const bytes = this.pending.take();
    this.sink.frame(bytes, 0, bytes.length, range);
  }

  deadline(): number {
    return this.pending.deadline();
  }

  advance(now: number): void {
    if (now < this.pending.deadline()) return;
    const range = { from: this.offset - this.pending.length, to: this.offset };
    this.skipping = true;
    this.sink.broken(
      "incomplete",
      `the datagram began ${this.settings.frameTimeout} ms ago and has not ended`,
      this.pending.take(),
      range,
    );
  }
}
