/** Where nothing is known of the runtime: its timers if it has any, and no network of its own. */

import { UsageError } from "../errors.js";
import type { Platform } from "../platform/platform.js";
import { random } from "./random.js";

interface Timers {
  setTimeout?(callback: () => void, delay: number): unknown;
  clearTimeout?(timer: unknown): void;
}

const timers = globalThis as Timers;

export const platform: Platform = {
  clock: {
    now: Date.now,
    schedule(delay, callback) {
      if (timers.setTimeout === undefined) {
        throw new UsageError(
          "TRANSPORT_UNAVAILABLE",
          "platform: this engine has no timers; pass a platform with a clock",
        );
      }
      const timer = timers.setTimeout(callback, delay);
      return { cancel: () => timers.clearTimeout?.(timer) };
    },
    defer: (callback) => void Promise.resolve().then(callback),
  },
  random,
  dial: async (address) => {
    throw new UsageError(
      "TRANSPORT_UNAVAILABLE",
      `url: nothing here can dial "${address.scheme}:"; pass a platform with a dial`,
    );
  },
};
