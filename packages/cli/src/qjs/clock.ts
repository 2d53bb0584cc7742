/** The clock of `qjs`. */

import * as os from "qjs:os";
import type { Clock } from "@aiko/mqtt";

const began = Date.now() - os.now();
/** QuickJS converts delays to integers, and Infinity to 0. */
const LONGEST = Number.MAX_SAFE_INTEGER;

export const clock: Clock = {
  now: () => began + os.now(),
  schedule(delay, callback) {
    const timer = os.setTimeout(callback, Math.min(Math.max(0, Math.ceil(delay)), LONGEST));
    return { cancel: () => os.clearTimeout(timer) };
  },
  defer: (callback) => void os.setTimeout(callback, 0),
};
