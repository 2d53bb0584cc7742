/**
 * A Transport over a WebSocket, of a browser or compatible with it [MQTT-6.0.0-1 … 6.0.0-3]. Frames are not packets:
 * they may be split and joined anywhere. If the WebSocket cannot stop reading, received bytes are kept while reading is
 * paused, up to a limit.
 */

import { TransportError } from "../errors.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { Clock, Timer } from "../platform/clock.js";
import type { WebSocketEvent, WebSocketLike } from "../platform/network-options.js";
import type { Transport, TransportListener } from "../platform/transport.js";
import { Queue } from "../session/queue.js";

/** If the WebSocket's buffer holds this many bytes, the writer must wait. The buffer must drain to `LOW_WATER_MARK`. */
const HIGH_WATER_MARK = 1_048_576;
const LOW_WATER_MARK = 262_144;
/** Milliseconds between checks of that buffer. There is no event for it. */
const LOOK_AGAIN = 10;
/**
 * The most bytes that may arrive while reading is paused, if the WebSocket cannot pause. Above it, the connection
 * fails.
 */
const MOST_HELD = 67_108_864;

/**
 * The memory of a frame in addition to its bytes, so that many small frames do not take more memory than a few large
 * ones.
 */
const HELD_COST = 256;

/**
 * Milliseconds that a WebSocket may take to close after the peer has started to close. The peer may keep the socket
 * open.
 */
const GOODBYE = 50;
/** Milliseconds between checks whether the peer has started to close. There is no event for that either. */
const STILL_OPEN = 40;
/** A value of `readyState`. */
const OPEN = 1;
/** The code for a close frame without a code. */
const NO_CODE = 1005;
/** The code for an end without a close frame. */
const NO_CLOSE_FRAME = 1006;

/** Calls `look` whenever the peer may have closed the WebSocket. Returns false if it cannot do that. */
export type WatchForEnd = (look: () => void) => boolean;

export class WebSocketTransport implements Transport {
  private listener: TransportListener | undefined;
  private paused = false;
  private held = new Queue<Uint8Array>();
  /** The memory that the held frames take. */
  private heldBytes = 0;
  private look: Timer | undefined;
  private lookForEnd: Timer | undefined;
  /** Set when the peer has started to close. */
  private goodbye: Timer | undefined;
  private failure: Error | undefined;
  /**
   * `ending`: this side has started to close. `closed`: nothing is sent or received. `told`: the listener was informed.
   */
  private state: "open" | "ending" | "closed" | "told" = "open";

  constructor(
    private readonly socket: WebSocketLike,
    private readonly name: string,
    private readonly clock: Clock,
    watch?: WatchForEnd,
  ) {
    socket.addEventListener("message", (event) => this.received(event));
    socket.addEventListener("error", (event) => {
      this.failure ??= failed(name, reasonOf(event), event.error);
      this.leaveSoon();
    });
    socket.addEventListener("close", (event) => this.closed(event));
    const isWatched = watch?.(() => this.checkOpen());
    if (!isWatched && socket.readyState !== undefined) this.checkAgain();
    socket.pause?.();
  }

  start(listener: TransportListener): void {
    this.listener = listener;
    this.deliver();
    if (!this.paused) this.socket.resume?.();
  }

  get unsent(): number {
    return this.socket.bufferedAmount;
  }

  write(bytes: Uint8Array): boolean {
    if (this.state !== "open") return true;
    if (bytes.length > 0) this.socket.send(bytes);
    if (this.socket.bufferedAmount < HIGH_WATER_MARK) return true;
    this.watch(LOW_WATER_MARK, () => this.listener?.onDrain());
    return false;
  }

  pause(): void {
    this.paused = true;
    this.socket.pause?.();
  }

  resume(): void {
    this.paused = false;
    this.socket.resume?.();
    this.deliver();
  }

  end(sent?: () => void): void {
    if (this.state !== "open") return;
    this.state = "ending";
    this.cancelTimers();
    this.look = undefined;
    this.socket.close(1000);
    this.resume(); // otherwise the peer's close frame is never read
    if (sent === undefined) return;
    if (this.socket.bufferedAmount === 0) sent();
    else this.watch(0, sent);
  }

  destroy(): void {
    if (this.state === "closed" || this.state === "told") return;
    this.state = "closed";
    this.cancelTimers();
    this.held = new Queue();
    this.failure = undefined;
    if (this.socket.terminate) this.socket.terminate();
    else this.socket.close();
    this.clock.defer(() => this.tell());
  }

  /** Checks whether the peer has started to close. Later writes are then lost; received bytes are still delivered. */
  private checkOpen(): void {
    if ((this.socket.readyState ?? OPEN) > OPEN) this.leaveSoon();
  }

  private checkAgain(): void {
    this.lookForEnd = this.clock.schedule(STILL_OPEN, () => {
      this.checkOpen();
      this.checkAgain();
    });
  }

  /** Closes soon. If the peer closes its socket too, the event "close", with the code, arrives before that. */
  private leaveSoon(): void {
    if (this.state !== "open") return;
    this.goodbye ??= this.clock.schedule(GOODBYE, () => {
      if (this.socket.terminate) this.socket.terminate();
      else this.closed({ code: this.failure === undefined ? NO_CODE : NO_CLOSE_FRAME });
    });
  }

  private cancelTimers(): void {
    this.look?.cancel();
    this.lookForEnd?.cancel();
    this.goodbye?.cancel();
  }

  /** Calls back when the WebSocket's buffer has shrunk to `amount`. */
  private watch(amount: number, callback: () => void): void {
    this.look ??= this.clock.schedule(LOOK_AGAIN, () => {
      this.look = undefined;
      if (this.state === "closed" || this.state === "told") return;
      if (this.socket.bufferedAmount <= amount) callback();
      else this.watch(amount, callback);
    });
  }

  private received({ data }: WebSocketEvent): void {
    if (this.state === "closed" || this.state === "told") return;
    if (!(data instanceof ArrayBuffer)) {
      this.giveUp("the server sent a text frame; MQTT requires binary frames [MQTT-6.0.0-1]");
      return;
    }
    if (data.byteLength === 0) return;
    this.held.push(new Uint8Array(data));
    this.heldBytes += data.byteLength + HELD_COST;
    this.deliver();
    if (this.heldBytes > MOST_HELD && this.paused)
      this.giveUp(`the server sent more than ${MOST_HELD} bytes while reading was paused`);
  }

  private deliver(): void {
    const { listener } = this;
    if (listener === undefined) return;
    while (!this.paused && this.state !== "told") {
      const bytes = this.held.shift();
      if (bytes === undefined) break;
      this.heldBytes -= bytes.length + HELD_COST;
      listener.onBytes(bytes);
    }
    if (this.state === "closed" && this.held.length === 0) this.tell();
  }

  private giveUp(why: string): void {
    this.destroy();
    this.failure = failed(this.name, why, undefined);
  }

  private closed({ code = NO_CLOSE_FRAME, reason = "" }: WebSocketEvent): void {
    if (this.state === "told" || this.state === "closed") return;
    const inOrder = code === 1000 || code === 1001 || code === NO_CODE || this.state === "ending";
    if (inOrder) this.failure = undefined;
    else this.failure ??= failed(this.name, `closed with code ${code}${reason && `, "${reason}"`}`, undefined);
    this.state = "closed";
    this.cancelTimers();
    this.deliver();
  }

  private tell(): void {
    if (this.state === "told" || this.listener === undefined) return;
    this.state = "told";
    this.listener.onClose(this.failure);
  }
}

/**
 * Waits until `socket` is open.
 *
 * @param name the server's name in error messages
 * @param watch default: polls
 */
export function openedWebSocket(
  socket: WebSocketLike,
  subprotocol: string,
  name: string,
  clock: Clock,
  signal: AbortSignalLike,
  watch?: WatchForEnd,
): Promise<Transport> {
  socket.binaryType = "arraybuffer";
  return new Promise((resolve, reject) => {
    let settled = false;
    const fail = (error: TransportError): void => {
      if (settled) return;
      settled = true;
      signal.removeEventListener("abort", abort);
      if (socket.terminate) socket.terminate();
      else socket.close();
      reject(error);
    };
    const abort = (): void =>
      fail(new TransportError("CONNECTION_FAILED", `connecting to ${name} was aborted`, { cause: signal.reason }));
    socket.addEventListener("open", () => {
      if (settled) return;
      if (socket.protocol !== subprotocol) {
        const chosen = socket.protocol === "" ? "none" : `"${socket.protocol}"`;
        fail(
          failed(
            name,
            `the server chose the subprotocol ${chosen} instead of "${subprotocol}"; check the path of the URL`,
            undefined,
          ),
        );
        return;
      }
      settled = true;
      signal.removeEventListener("abort", abort);
      resolve(new WebSocketTransport(socket, name, clock, watch));
    });
    socket.addEventListener("error", (event) => {
      const { error } = event;
      if (error instanceof TransportError) fail(error);
      else
        fail(
          failed(
            name,
            `${reasonOf(event)}${isNoHttp(error) ? "; check that a WebSocket server listens on this port" : ""}`,
            error,
          ),
        );
    });
    socket.addEventListener("close", ({ code }) =>
      fail(failed(name, `closed with code ${code ?? NO_CLOSE_FRAME}`, undefined)),
    );
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort);
  });
}

/** An error of `ws`: the server closed the connection at the request, or did not answer with HTTP. */
function isNoHttp(error: unknown): boolean {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return code === "ECONNRESET" || String(code).startsWith("HPE_");
}

function reasonOf({ error, message }: WebSocketEvent): string {
  const words = error instanceof Error ? error.message : message;
  return words || "the runtime gives no reason; check the browser's console";
}

export function failed(name: string, why: string, cause: unknown): TransportError {
  return new TransportError("WEBSOCKET_FAILED", `WebSocket connection to ${name} failed: ${why}`, { cause });
}
