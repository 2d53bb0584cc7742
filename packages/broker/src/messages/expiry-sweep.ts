/**
 * Removes expired messages from the queues of clients, so that they take no memory until the client reconnects. Checks
 * every message of a queue, so it works in slices.
 */

import type { Clock, Timer } from "@aiko/mqtt";

/** A queue of messages, some of which expire. */
export interface ExpiringQueue {
  /** The number of messages, which is the cost of `expire`. */
  readonly pending: number;
  /** Fails the expired messages. Returns when the next one expires; Infinity if none does. */
  expire(now: number): number;
}

/** Milliseconds between two sweeps. */
const INTERVAL = 1_000;
/** The most messages of a slice, unless one queue has more, and the milliseconds between two slices. */
const SLICE = 20_000;
const PAUSE = 20;

export class ExpirySweep {
  /** When the next message of each queue expires. */
  private readonly due = new Map<ExpiringQueue, number>();
  private timer: Timer | undefined;
  private timerAt = Infinity;
  private isClosed = false;
  /** No sweep begins before this time. */
  private notBefore = -Infinity;

  constructor(private readonly clock: Clock) {}

  /** A message that expires at `until` was queued. */
  waits(queue: ExpiringQueue, until: number): void {
    if (this.isClosed || until >= (this.due.get(queue) ?? Infinity)) return;
    this.due.set(queue, until);
    this.wakeAt(Math.max(until, this.notBefore));
  }

  /** The queue no longer exists. */
  forget(queue: ExpiringQueue): void {
    this.due.delete(queue);
  }

  /** Cancels the timer: the broker is closed. */
  close(): void {
    this.isClosed = true;
    this.timer?.cancel();
    this.timerAt = Infinity;
    this.due.clear();
  }

  private wakeAt(at: number): void {
    if (at >= this.timerAt) return;
    this.timer?.cancel();
    this.timerAt = at;
    this.timer = this.clock.schedule(Math.max(1, at - this.clock.now()), () => this.sweep());
  }

  private sweep(): void {
    this.timerAt = Infinity;
    const now = this.clock.now();
    let left = SLICE;
    let next = Infinity;
    let isComplete = true;
    for (const [queue, at] of this.due) {
      if (at <= now && left <= 0) isComplete = false;
      if (at > now || left <= 0) {
        next = Math.min(next, at);
        continue;
      }
      left -= queue.pending;
      const later = queue.expire(now);
      if (later === Infinity) this.due.delete(queue);
      else this.due.set(queue, later);
      next = Math.min(next, later);
    }
    this.notBefore = now + (isComplete ? INTERVAL : PAUSE);
    if (next < Infinity) this.wakeAt(Math.max(next, this.notBefore));
  }
}
