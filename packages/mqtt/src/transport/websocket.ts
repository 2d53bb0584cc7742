/**
 * A Transport over a WebSocket, a browser's or one that does the same [MQTT-6.0.0-1 … 6.0.0-3]. Frames are no packets: they
 * are split and joined at will. Where the WebSocket cannot stop reading, what comes meanwhile is kept, up to a bound.
 */

import { TransportError } from "../errors.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { Clock, Timer } from "../platform/clock.js";
import type { WebSocketEvent, WebSocketLike } from "../platform/network-options.js";
import type { Transport, TransportListener } from "../platform/transport.js";
import { Queue } from "../session/queue.js";

/** Bytes in the WebSocket's buffer from which the writer is asked to wait, and to which it must drain. */
const HIGH_WATER_MARK = 1_048_576;
const LOW_WATER_MARK = 262_144;
/** Milliseconds between looks at that buffer, for which there is no event. */
const LOOK_AGAIN = 10;
/** Bytes that may arrive while reading is stopped, if the WebSocket cannot stop. With more, the connection fails. */
const MOST_HELD = 67_108_864;

/** The memory of a frame in addition to its bytes: many small frames must not take more than a few large ones. */
const HELD_COST = 256;

/** Milliseconds that a WebSocket has to be gone after its other side ended it: that side may hold the socket open. */
const GOODBYE = 50;
/** Milliseconds between looks at whether the other side has ended it, for which there is no event either. */
const STILL_OPEN = 40;
/** Of `readyState`. */
const OPEN = 1;
/** The code of a close frame without one. */
const NO_CODE = 1005;
/** The code of an end without a close frame. */
const NO_CLOSE_FRAME = 1006;

/** Has `look` called whenever the other side may have ended the WebSocket. Returns false if it cannot. */
export type WatchForEnd = (look: () => void) => boolean;

export class WebSocketTransport implements Transport {
  private listener: TransportListener | undefined;
  private paused = false;
  private held = new Queue<Uint8Array>();
  /** What these take in memory. */
  private heldBytes = 0;
  private look: Timer | undefined;
  private lookForEnd: Timer | undefined;
  /** Set once the other side has ended the WebSocket. */
  private goodbye: Timer | undefined;
  private failure: Error | undefined;
  /** `ending`: this side says goodbye. `closed`: nothing more comes or goes. `told`: the listener knows. */
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
    this.resume(); // or the other side's answer is never seen
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

  /** What is written from now on is lost, and what came is delivered. */
  private checkOpen(): void {
    if ((this.socket.readyState ?? OPEN) > OPEN) this.leaveSoon();
  }

  private checkAgain(): void {
    this.lookForEnd = this.clock.schedule(STILL_OPEN, () => {
      this.checkOpen();
      this.checkAgain();
    });
  }

  /** Its event "close", with the code, comes at once where the other side closes its socket too. */
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
 * @param name stands for the server in error messages
 * @param watch default: looks again and again
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

/** Of `ws`: the server hung up at the request, or answered with something else than HTTP. */
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
