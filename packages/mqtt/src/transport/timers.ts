/** A clock over the timers that most runtimes have. */

import type { Timer } from "../platform/clock.js";

const LONGEST_TIMER = 2 ** 31 - 1;

/** In steps, where the delay is longer than the runtime's timers take. */
export function schedule(delay: number, callback: () => void): Timer {
  let timer: ReturnType<typeof setTimeout>;
  const wait = (left: number): void => {
    const step = Math.min(Math.max(0, left), LONGEST_TIMER);
    timer = setTimeout(() => (left > step ? wait(left - step) : callback()), step);
  };
  wait(delay);
  return { cancel: () => clearTimeout(timer) };
}
