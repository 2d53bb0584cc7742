/** What a browser brings, in a page or a worker: its timers, WebSocket, and word of when to look at the connection again. */

import { UsageError } from "../errors.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { NetworkOptions, WebSocketClass } from "../platform/network-options.js";
import type { Platform } from "../platform/platform.js";
import type { ServerAddress, Transport } from "../platform/transport.js";
import { schedule } from "./timers.js";
import { openedWebSocket } from "./websocket.js";

const channel = new MessageChannel();
let deferred: (() => void)[] = [];
(channel.port1 as { onmessage?: () => void }).onmessage = () => {
  const callbacks = deferred;
  deferred = [];
  for (const callback of callbacks) callback();
};

const clock = {
  now: () => performance.timeOrigin + performance.now(),
  schedule,
  /** By a message, since timers of a hidden page come once a second or a minute. */
  defer(callback: () => void): void {
    if (deferred.push(callback) === 1) channel.port2.postMessage(0);
  },
};

export const platform: Platform = { clock, random: { next: Math.random }, dial };

async function dial(address: ServerAddress, signal: AbortSignalLike, options: NetworkOptions): Promise<Transport> {
  const { scheme, host, port, path } = address;
  if (scheme !== "ws" && scheme !== "wss") {
    throw new UsageError("TRANSPORT_UNAVAILABLE", `url: a browser cannot dial "${scheme}:"; use ws: or wss:`);
  }
  const { subprotocol = "mqtt", implementation, headers } = options.webSocket ?? {};
  for (const [name, value] of Object.entries({ ...options, webSocket: undefined, "webSocket.headers": headers })) {
    if (value !== undefined) throw new UsageError("TRANSPORT_UNAVAILABLE", `${name}: a browser takes no such option`);
  }
  const name = `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}${path}`;
  const own = implementation ?? (globalThis.WebSocket as unknown as WebSocketClass);
  return openedWebSocket(new own(name, [subprotocol]), subprotocol, name, clock, signal);
}
