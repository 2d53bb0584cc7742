/** The platform for an unknown runtime: its timers if it has any, and no network. */

import { UsageError } from "../errors.js";
import type { Platform } from "../platform/platform.js";
import { random } from "./random.js";
import { schedule } from "./timers.js";

const timers = globalThis as { readonly setTimeout?: unknown };

/**
 * The latest time that was read. `ahead` is how far it is ahead of the system's clock, which may have been set back.
 */
let latest = -Infinity;
let ahead = 0;

export const platform: Platform = {
  clock: {
    now() {
      const time = Date.now() + ahead;
      if (time < latest) ahead += latest - time;
      else latest = time;
      return latest;
    },
    schedule(delay, callback) {
      if (timers.setTimeout === undefined) {
        throw new UsageError(
          "TRANSPORT_UNAVAILABLE",
          "platform: this JavaScript engine has no timers; pass a platform with a clock",
        );
      }
      return schedule(delay, callback);
    },
    defer: (callback) => void Promise.resolve().then(callback),
  },
  random,
  dial: async (address) => {
    throw new UsageError(
      "TRANSPORT_UNAVAILABLE",
      `url: this runtime cannot connect with "${address.scheme}:"; pass a platform with a dial function`,
    );
  },
};
