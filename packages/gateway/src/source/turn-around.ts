/**
 * Writes to a line on which only one side may send at a time: not before it has been silent for a while. What the line has no time for is dropped,
 * so that it does not come in a burst later. Knows nothing of streams.
 */

import type { Clock, Timer } from "@aiko/mqtt";

/** Milliseconds that something waits at most. Who has sent it does not count on it any more then. */
const MOST_WAITING = 1_000;

interface Waiting {
  readonly bytes: Uint8Array;
  readonly since: number;
}

export class TurnAround {
  private waiting: Waiting[] = [];
  private timer: Timer | undefined;
  /** When the line will have been silent for long enough. */
  private silentAt = -Infinity;
  /** Bytes that wait. */
  length = 0;

  /** @param silence in milliseconds */
  constructor(
    private readonly silence: number,
    private readonly clock: Clock,
    private readonly end: (bytes: Uint8Array) => void,
  ) {}

  /** The device has sent something. */
  received(): void {
    this.silentAt = this.clock.now() + this.silence;
  }

  /** Writes now or later. The same array again, such as a request that is sent again, takes the place of the one that waits. */
  write(bytes: Uint8Array): void {
    const now = this.clock.now();
    this.keep(({ bytes: other, since }) => other !== bytes && now - since <= MOST_WAITING);
    if (this.waiting.length === 0 && now >= this.silentAt) {
      this.end(bytes);
      return;
    }
    this.waiting.push({ bytes, since: now });
    this.length += bytes.length;
    if (this.timer === undefined) this.wait();
  }

  /** The line is closed: what waits is not written. */
  close(): void {
    this.timer?.cancel();
    this.keep(() => false);
  }

  private keep(isKept: (waiting: Waiting) => boolean): void {
    this.waiting = this.waiting.filter(isKept);
    this.length = this.waiting.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  private wait(): void {
    this.timer = this.clock.schedule(Math.max(0, this.silentAt - this.clock.now()), () => {
      this.timer = undefined;
      const now = this.clock.now();
      this.keep(({ since }) => now - since <= MOST_WAITING);
      if (this.waiting.length === 0) return;
      if (now < this.silentAt) {
        this.wait();
        return;
      }
      const { waiting } = this;
      this.keep(() => false);
      for (const { bytes } of waiting) this.end(bytes);
    });
  }
}
