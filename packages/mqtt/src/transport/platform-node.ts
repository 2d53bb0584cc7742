/** What Node brings, and what runs Node's modules too (Bun, Deno). */

import { UsageError } from "../errors.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { Timer } from "../platform/clock.js";
import type { Platform } from "../platform/platform.js";
import type { ServerAddress, Transport } from "../platform/transport.js";
import { dialSocket } from "./socket.js";

const LONGEST_TIMER = 2 ** 31 - 1;

export const platform: Platform = {
  clock: {
    now: () => performance.timeOrigin + performance.now(),
    schedule,
    defer: (callback) => void setImmediate(callback),
  },
  random: { next: Math.random },
  dial,
};

/** In steps, where the delay is longer than Node's timers take. */
function schedule(delay: number, callback: () => void): Timer {
  let timer: NodeJS.Timeout;
  const wait = (left: number): void => {
    const step = Math.min(Math.max(0, left), LONGEST_TIMER);
    timer = setTimeout(() => (left > step ? wait(left - step) : callback()), step);
  };
  wait(delay);
  return { cancel: () => clearTimeout(timer) };
}

async function dial(address: ServerAddress, signal: AbortSignalLike): Promise<Transport> {
  const { scheme, host, port } = address;
  switch (scheme) {
    case "mqtt":
      return dialSocket({ host, port }, `mqtt://${host.includes(":") ? `[${host}]` : host}:${port}`, signal);
    case "unix":
      return dialSocket({ path: host }, `unix:${host}`, signal);
    default:
      throw new UsageError("TRANSPORT_UNAVAILABLE", `url: "${scheme}:" is not supported here; use mqtt: or unix:`);
  }
}
