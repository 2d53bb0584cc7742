/** A clock over the timers that most runtimes have. */

import type { Timer } from "../platform/clock.js";

const LONGEST_TIMER = 2 ** 31 - 1;

/** Named here, since what may run on an unknown runtime is compiled without the types of any. */
const runtime = globalThis as unknown as {
  setTimeout(callback: () => void, delay: number): unknown;
  clearTimeout(timer: unknown): void;
};

/** In steps, where the delay is longer than the runtime's timers take. */
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
    if (delay <= LONGEST_TIMER) return runtime.setTimeout(callback, Math.max(0, delay));
    return runtime.setTimeout(() => {
      this.current = this.wait(delay - LONGEST_TIMER, callback);
    }, LONGEST_TIMER);
  }
}
