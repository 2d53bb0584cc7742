/**
 * Keeps something open for ever: what could not be opened, or was closed, is opened again after a random delay that grows. Knows nothing of what
 * it opens.
 */

import type { Clock, Timer } from "@aiko/mqtt";
import type { Health } from "./health.js";

/** The delays before another attempt, in milliseconds. */
export interface Delays {
  /** The most of the first delay. It doubles each time. */
  readonly min: number;
  readonly max: number;
}

const DELAYS: Delays = { min: 200, max: 30_000 };

/** One attempt to open. What is reported of an attempt that is over is ignored. */
export interface Attempt {
  /** It is open. @param url where, for the status */
  opened(url: string | undefined): void;
  /** It could not be opened, or is not open any more. */
  closed(why: string): void;
}

export class Reopening {
  private delay: number;
  private current: Attempt | undefined;
  private openedAt: number | undefined;
  private timer: Timer | undefined;
  private isStopped = false;
  private settled: () => void = () => {};

  /** @param open begins an attempt. It must not throw */
  constructor(
    private readonly health: Health,
    private readonly clock: Clock,
    private readonly open: (attempt: Attempt) => void,
    private readonly delays: Delays = DELAYS,
  ) {
    this.delay = delays.min;
  }

  /** Resolves at the first success or failure. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      this.settled = resolve;
      this.attempt();
    });
  }

  /** Opens now instead of after the delay: there is reason to believe that it succeeds. */
  hurry(): void {
    if (this.timer !== undefined) this.attempt();
  }

  /** Opens no more. What is open stays open. */
  stop(): void {
    this.isStopped = true;
    this.timer?.cancel();
    this.timer = undefined;
    this.current = undefined;
    this.health.closed();
    this.settled();
  }

  private attempt(): void {
    this.timer?.cancel();
    this.timer = undefined;
    if (this.isStopped) return;
    const attempt: Attempt = {
      opened: (url) => {
        if (this.current !== attempt) return;
        this.openedAt = this.clock.now();
        this.health.up(url);
        this.settled();
      },
      closed: (why) => {
        if (this.current === attempt) this.closed(why);
      },
    };
    this.current = attempt;
    this.open(attempt);
  }

  private closed(why: string): void {
    this.current = undefined;
    // If it closes at once, the delay keeps growing. Otherwise, the attempts would be a busy loop.
    if (this.openedAt !== undefined && this.clock.now() - this.openedAt >= this.delay) this.delay = this.delays.min;
    this.openedAt = undefined;
    this.health.down(why);
    this.settled();
    this.timer = this.clock.schedule(Math.floor(Math.random() * (this.delay + 1)), () => this.attempt());
    this.delay = Math.min(this.delays.max, this.delay * 2);
  }
}
