/** Frames that are datagrams: all bytes until `end` are one frame, also none. An HTTP body is one as well. */

import type { Framer, FramerSettings, FrameSink } from "./framer.js";
import { Pending } from "./pending.js";

export class DatagramFramer implements Framer {
  private readonly pending: Pending;
  private skipping = false;

  constructor(
    private readonly settings: FramerSettings,
    private readonly sink: FrameSink,
  ) {
    this.pending = new Pending(settings, sink, "datagram");
  }

  push(bytes: Uint8Array, now: number): void {
    const { pending } = this;
    const from = pending.offset - pending.length;
    pending.offset += bytes.length;
    if (this.skipping || bytes.length === 0) return;
    if (pending.offset - from <= this.settings.maxFrame) {
      pending.add(bytes, 0, bytes.length, now);
      return;
    }
    this.skipping = true;
    pending.tooLong(from);
  }

  end(): void {
    if (this.skipping) {
      this.skipping = false;
      return;
    }
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
}
