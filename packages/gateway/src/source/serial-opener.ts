/** Opens serial lines: finds the device, keeps other gateways of this user off it, and waits for its return. Knows nothing of drivers' settings. */

import { watch } from "node:fs";
import { basename, dirname } from "node:path";
import type { Clock } from "@aiko/mqtt";
import type { SerialSettings } from "../configuration/configuration.js";
import { lockDevice } from "./device-lock.js";
import { findDevice } from "./device-path.js";
import { isMatch } from "./device-pattern.js";
import { openWithLibrary } from "./serial-library.js";
import { lineUse } from "./serial-port.js";
import { openTty } from "./serial-tty.js";
import type { Opened, Opener } from "./stream-source.js";

/** Rates that Linux's drivers have by name. */
const TTY_RATES: ReadonlySet<number> = new Set([
  50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800,
  500_000, 576_000, 921_600, 1_000_000, 1_152_000, 1_500_000, 2_000_000, 2_500_000, 3_000_000, 3_500_000, 4_000_000,
]);

export function serialOpener(settings: SerialSettings, clock: Clock): Opener {
  const { id, device, exclusive, openDelay, atOpen } = settings;
  const isTty =
    settings.driver === "tty" ||
    (settings.driver === "auto" && process.platform === "linux" && TTY_RATES.has(settings.baud));
  return {
    ...lineUse(settings),
    async open(signal): Promise<Opened> {
      const path = await findDevice(device);
      const release = exclusive ? await lockDevice(path) : undefined;
      try {
        const port = await (isTty ? openTty(path, settings, signal) : openWithLibrary(path, settings));
        try {
          if (openDelay > 0) await pause(openDelay, clock, signal);
          if (atOpen === "flush") await port.flush();
          const opened = { stream: port.stream(), url: `serial:${path}`, peer: { peer: id, port: 0 } };
          return release === undefined ? opened : { ...opened, release };
        } catch (error) {
          port.close();
          throw error;
        }
      } catch (error) {
        await release?.();
        throw error;
      }
    },
    watch(listener) {
      try {
        const pattern = basename(device);
        const watcher = watch(dirname(device), { persistent: false }, (event, name) => {
          if (event === "rename" && name !== null && isMatch(name, pattern)) listener();
        });
        watcher.on("error", () => watcher.close()); // the delay ends the wait
        return () => watcher.close();
      } catch {
        return () => {}; // the directory does not exist yet
      }
    },
  };
}

function pause(delay: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => {
      timer.cancel();
      reject(new Error("the source was stopped"));
    };
    const timer = clock.schedule(delay, () => {
      signal.removeEventListener("abort", aborted);
      resolve();
    });
    signal.addEventListener("abort", aborted);
    if (signal.aborted) aborted();
  });
}
