/** Waiting with a bound. */

import type { Clock } from "../platform/clock.js";

/** Resolves when `work` is done, or so many milliseconds are over. `work` must not reject. */
export function within(clock: Clock, milliseconds: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.schedule(milliseconds, resolve);
    void work.then(() => {
      timer.cancel();
      resolve();
    });
  });
}
