/** Writes to a line on which only one side may send at a time: not before it has been silent for a while. Knows nothing of streams. */

import type { Clock, Timer } from "@aiko/mqtt";

export class TurnAround {
  private waiting: Uint8Array[] = [];
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

  write(bytes: Uint8Array): void {
    if (this.waiting.length === 0 && this.clock.now() >= this.silentAt) {
      this.end(bytes);
      return;
    }
    this.waiting.push(bytes);
    this.length += bytes.length;
    if (this.timer === undefined) this.wait();
  }

  /** The line is closed: what waits is not written. */
  close(): void {
    this.timer?.cancel();
    this.waiting = [];
    this.length = 0;
  }

  private wait(): void {
    this.timer = this.clock.schedule(Math.max(0, this.silentAt - this.clock.now()), () => {
      this.timer = undefined;
      if (this.clock.now() < this.silentAt) {
        this.wait();
        return;
      }
      const { waiting } = this;
      this.waiting = [];
      this.length = 0;
      for (const bytes of waiting) this.end(bytes);
    });
  }
}
