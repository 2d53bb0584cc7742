/** A clock that uses the timers of most runtimes. */

import type { Timer } from "../platform/clock.js";

const LONGEST_TIMER = 2 ** 31 - 1;

/** Declared here, since code for unknown runtimes is compiled without any runtime's types. */
const runtime = globalThis as unknown as {
  setTimeout(callback: () => void, delay: number): unknown;
  clearTimeout(timer: unknown): void;
};

/**
 * Uses several steps if the delay is longer than the runtime's timers accept. Rounds up, since Node drops the fraction of
 * a delay and counts from a whole millisecond, so that a timer would be up to two milliseconds early.
 */
export function schedule(delay: number, callback: () => void): Timer {
  return new RuntimeTimer(delay, callback);
}

class RuntimeTimer implements Timer {
  private current: unknown;

  constructor(delay: number, callback: () => void) {
    this.current = this.wait(delay, callback);
  }

  cancel(): void {
    runtime.clearTimeout(this.current);
  }

  private wait(delay: number, callback: () => void): unknown {
    if (delay <= LONGEST_TIMER) return runtime.setTimeout(callback, Math.max(0, Math.ceil(delay)));
    return runtime.setTimeout(() => {
      this.current = this.wait(delay - LONGEST_TIMER, callback);
    }, LONGEST_TIMER);
  }
}
