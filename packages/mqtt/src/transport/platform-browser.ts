/** The platform of browsers, for pages and workers: timers, WebSocket, and wake-ups. */

import { UsageError } from "../errors.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { NetworkOptions, WebSocketLike } from "../platform/network-options.js";
import type { Platform } from "../platform/platform.js";
import { nameOf, type ServerAddress, type Transport, urlOf } from "../platform/transport.js";
import { random } from "./random.js";
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
  /** Uses a message, since timers of a hidden page run only once a second or once a minute. */
  defer(callback: () => void): void {
    if (deferred.push(callback) === 1) channel.port2.postMessage(0);
  },
};

interface EventSource {
  addEventListener(type: string, listener: () => void): void;
  removeEventListener(type: string, listener: () => void): void;
}

/** The globals of a page or a worker. A worker has no document, and its timers are not throttled. */
interface Scope extends EventSource {
  readonly document?: EventSource & { readonly hidden: boolean };
}

/** Browsers run the timers of a hidden page once a second, and after some minutes only once a minute. */
const HIDDEN_LATENESS = 60_000;

const scope = globalThis as unknown as Scope;

export const platform: Platform = {
  clock,
  random,
  dial,
  onWake(callback) {
    const { document } = scope;
    const shown = (): void => {
      if (!document?.hidden) callback();
    };
    scope.addEventListener("online", callback);
    document?.addEventListener("visibilitychange", shown);
    return () => {
      scope.removeEventListener("online", callback);
      document?.removeEventListener("visibilitychange", shown);
    };
  },
  timerLateness: () => (scope.document?.hidden ? HIDDEN_LATENESS : 0),
};

async function dial(address: ServerAddress, signal: AbortSignalLike, options: NetworkOptions): Promise<Transport> {
  const { scheme } = address;
  if (scheme !== "ws" && scheme !== "wss") {
    throw new UsageError("TRANSPORT_UNAVAILABLE", `url: a browser cannot connect with "${scheme}:"; use ws: or wss:`);
  }
  const { subprotocol = "mqtt", implementation, headers } = options.webSocket ?? {};
  for (const [name, value] of Object.entries({ ...options, webSocket: undefined, "webSocket.headers": headers })) {
    if (value === undefined) continue;
    throw new UsageError("TRANSPORT_UNAVAILABLE", `${name}: this option is not supported in a browser; remove it`, {
      option: name,
    });
  }
  const own = implementation ?? globalThis.WebSocket;
  const socket = new own(urlOf(address), [subprotocol]) as WebSocketLike;
  return openedWebSocket(socket, subprotocol, nameOf(address), clock, signal);
}
