/**
 * What the small client needs from a runtime: timers, and WebSocket as the transport. Browsers, Deno, Bun and Node 22
 * or later have both.
 */

import { TransportError } from "../errors.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { NetworkOptions, WebSocketClass, WebSocketLike } from "../platform/network-options.js";
import type { Platform } from "../platform/platform.js";
import type { ServerAddress, Transport, TransportListener } from "../platform/transport.js";
import { Queue } from "../session/queue.js";
import { invalid } from "./packet-writer.js";
import { LONGEST_TIMER } from "./small-options.js";

/** If the WebSocket's buffer holds this many bytes, the writer waits until it is empty. */
const HIGH_WATER_MARK = 1_048_576;
/** The readyState of an open WebSocket. */
const OPEN = 1;
/** Milliseconds between checks whether the peer has started to close. */
const STILL_OPEN = 40;
/** Milliseconds that a WebSocket may take to close after its peer has started to close. */
const GOODBYE = 50;
/** Milliseconds between checks of the buffer. There is no event for it. */
const LOOK_AGAIN = 10;
/**
 * The most bytes that may arrive while reading is paused; a WebSocket itself cannot pause. Above it, the connection
 * fails. Each frame counts as some bytes more.
 */
const MOST_HELD = 67_108_864;
const HELD_COST = 256;
/** Browsers run the timers of a hidden page only once a minute. */
const HIDDEN_LATENESS = 60_000;

interface EventSource {
  addEventListener(type: string, listener: () => void, until: { readonly signal: AbortSignal }): void;
}

/** Globals of a page. A worker has no document. */
const scope = globalThis as unknown as Partial<EventSource> & {
  readonly document?: EventSource & { readonly hidden: boolean };
};

export const platform: Platform = {
  clock: {
    now: () => performance.now(),
    schedule(delay, callback) {
      const timer = setTimeout(callback, Math.ceil(Math.min(delay, LONGEST_TIMER)));
      return { cancel: () => clearTimeout(timer) };
    },
    /** Not a timer: timers of a hidden page are throttled. Not the bare function: browsers require its `this`. */
    defer: (callback) => queueMicrotask(callback),
  },
  random: { next: Math.random },
  dial,
  onWake(callback) {
    const listening = new AbortController();
    scope.addEventListener?.("online", callback, listening);
    scope.document?.addEventListener("visibilitychange", () => scope.document?.hidden || callback(), listening);
    return () => listening.abort();
  },
  timerLateness: () => (scope.document?.hidden ? HIDDEN_LATENESS : 0),
};

function dial(
  { scheme, host, port, path }: ServerAddress,
  signal: AbortSignalLike,
  { webSocket = {} }: NetworkOptions,
): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const { subprotocol = "mqtt", implementation = globalThis.WebSocket as unknown as WebSocketClass } = webSocket;
    if (scheme[0] !== "w" || !implementation)
      throw invalid(scheme, "set platform, or webSocket.implementation (npm install ws)", "TRANSPORT_UNAVAILABLE");
    const server = `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
    const socket = new implementation(server + path, [subprotocol], webSocket as never) as WebSocketLike;
    socket.binaryType = "arraybuffer";
    const fail = (why: string): void =>
      reject(new TransportError("WEBSOCKET_FAILED", `no WebSocket to ${server}: ${why}`));
    socket.addEventListener("open", () => {
      if (socket.protocol === subprotocol) return resolve(new WebSocketTransport(socket));
      socket.close();
      fail(`no subprotocol "${subprotocol}"`);
    });
    // A WebSocket that closes before it is open reports an error, on either side's close. Closing it then would report
    // another one, on Node 22. Bun's message contains the whole URL, whose query may be a secret.
    socket.addEventListener("error", ({ message }) => fail(message?.replace(path.slice(1), "") || "see the console"));
    signal.addEventListener("abort", () => socket.close());
  });
}

class WebSocketTransport implements Transport {
  readonly #socket: WebSocketLike;
  #listener: TransportListener | undefined;
  #held = new Queue<Uint8Array>();
  #heldBytes = 0;
  #paused = false;
  /** Whether this side has started to close and waits for the peer. */
  #ending = false;
  /** Why the connection ended. It is reported after all earlier bytes were delivered. */
  #end: { readonly error?: Error | undefined } | undefined;

  constructor(socket: WebSocketLike) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      if (this.#end) return;
      if (!(data instanceof ArrayBuffer)) return this.#finish("text frame"); // [MQTT-6.0.0-1]
      this.#held.push(new Uint8Array(data));
      this.#heldBytes += data.byteLength + HELD_COST;
      this.#deliver();
      if (this.#heldBytes > MOST_HELD) this.#finish("too many bytes");
    });
    socket.addEventListener("close", ({ code = 0, reason }) =>
      this.#finish(code === 1000 || code === 1001 || code === 1005 ? undefined : `${code} ${reason}`),
    );
    // The peer has started to close, but may never finish. If it does, its event follows soon and contains the reason.
    this.#when(
      () => setTimeout(() => this.#finish(), GOODBYE),
      () => (socket.readyState as number) > OPEN && !this.#ending,
      STILL_OPEN,
    );
  }

  start(listener: TransportListener): void {
    this.#listener = listener;
    this.#deliver();
  }

  write(bytes: Uint8Array): boolean {
    this.#socket.send(bytes);
    const hasRoom = this.#socket.bufferedAmount < HIGH_WATER_MARK;
    if (!hasRoom) this.#when(() => this.#listener?.onDrain());
    return hasRoom;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#deliver();
  }

  end(sent?: () => void): void {
    this.#ending = true;
    this.resume();
    this.#socket.close(1000);
    if (sent) this.#when(sent);
  }

  destroy(): void {
    this.#held.drain();
    this.#end ??= {}; // nothing is delivered from now on
    this.#socket.terminate?.(); // of `ws`, whose `close` waits for the peer
    queueMicrotask(() => this.#finish());
  }

  /**
   * Polls until `isSo` is true, then calls back; a WebSocket has no event for it. Default: until its buffer is empty.
   */
  #when(callback: () => void, isSo = () => this.#socket.bufferedAmount === 0, delay = LOOK_AGAIN): void {
    if (this.#end) return;
    if (isSo()) callback();
    else setTimeout(() => this.#when(callback, isSo, delay), delay);
  }

  #finish(why?: string): void {
    this.#end ??= { error: why ? new TransportError("WEBSOCKET_FAILED", `WebSocket: ${why}`) : undefined };
    this.#socket.close();
    this.#deliver();
  }

  #deliver(): void {
    while (this.#listener && !this.#paused && this.#held.length > 0) {
      const bytes = this.#held.shift() as Uint8Array;
      this.#heldBytes -= bytes.length + HELD_COST;
      this.#listener.onBytes(bytes);
    }
    if (!this.#end || this.#held.length > 0) return;
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.onClose(this.#end.error);
  }
}
