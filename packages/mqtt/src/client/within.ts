/** Waiting with a time limit. */

import type { Clock } from "../platform/clock.js";

/** Resolves when `work` is done, or after this many milliseconds. `work` must not reject. */
export function within(clock: Clock, milliseconds: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.schedule(milliseconds, resolve);
    void work.then(() => {
      timer.cancel();
      resolve();
    });
  });
}
