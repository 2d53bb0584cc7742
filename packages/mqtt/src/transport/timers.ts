/** A clock over the timers that most runtimes have. */

import type { Timer } from "../platform/clock.js";

const LONGEST_TIMER = 2 ** 31 - 1;

/** In steps, where the delay is longer than the runtime's timers take. */
export function schedule(delay: number, callback: () => void): Timer {
  return new RuntimeTimer(delay, callback);
}

class RuntimeTimer implements Timer {
  private current: ReturnType<typeof setTimeout>;

  constructor(delay: number, callback: () => void) {
    this.current = this.wait(delay, callback);
  }

  cancel(): void {
    clearTimeout(this.current);
  }

  private wait(delay: number, callback: () => void): ReturnType<typeof setTimeout> {
    if (delay <= LONGEST_TIMER) return setTimeout(callback, Math.max(0, delay));
    return setTimeout(() => {
      this.current = this.wait(delay - LONGEST_TIMER, callback);
    }, LONGEST_TIMER);
  }
}
