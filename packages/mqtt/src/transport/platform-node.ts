/** What Node brings, and what runs Node's modules too (Bun, Deno). */

import { UsageError } from "../errors.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { Platform } from "../platform/platform.js";
import type { ServerAddress, Transport } from "../platform/transport.js";
import { dialSocket } from "./socket.js";

const LONGEST_TIMER = 2 ** 31 - 1;

export const platform: Platform = {
  clock: {
    now: () => performance.timeOrigin + performance.now(),
    schedule(delay, callback) {
      const timer = setTimeout(callback, Math.min(Math.max(0, delay), LONGEST_TIMER));
      return { cancel: () => clearTimeout(timer) };
    },
    defer: (callback) => void setImmediate(callback),
  },
  random: { next: Math.random },
  dial,
};

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
