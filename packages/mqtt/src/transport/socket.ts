/**
 * A Transport over one of Node's stream sockets (TCP, Unix socket, TLS), and the functions that open TCP and Unix
 * sockets.
 */

import { connect, type NetConnectOpts, type Socket } from "node:net";
import { TransportError } from "../errors.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { DialStep, Transport, TransportListener } from "../platform/transport.js";

/**
 * Explains the end of a socket to users. `heard`: whether the peer has sent bytes. Returns undefined if the socket was
 * closed without a fault.
 */
export type Explain = (error: Error | undefined, heard: boolean) => Error | undefined;

export class SocketTransport implements Transport {
  private heard = false;

  /** @param explain default: the error is used unchanged */
  constructor(
    private readonly socket: Socket,
    private readonly explain?: Explain,
  ) {}

  start(listener: TransportListener): void {
    const { socket } = this;
    const closed = (): void => listener.onClose(this.failure);
    if (socket.listenerCount("error") === 0) socket.on("error", toldByClose);
    socket.on("data", (bytes: Uint8Array) => {
      this.heard = true;
      listener.onBytes(bytes);
    });
    socket.on("drain", () => listener.onDrain());
    socket.on("close", closed);
    if (socket.destroyed) closed();
  }

  /**
   * Bytes that the stream holds and that the runtime is writing. The second number shrinks while a large chunk is being
   * sent, on runtimes that report it.
   */
  get unsent(): number {
    const { _handle } = this.socket as { _handle?: { readonly writeQueueSize?: number } | null };
    return this.socket.writableLength + (_handle?.writeQueueSize ?? 0);
  }

  /** A socket without TLS that has room writes synchronously. */
  get released(): boolean {
    return this.socket.writableLength === 0 && !("encrypted" in this.socket);
  }

  write(bytes: Uint8Array): boolean {
    return this.socket.write(bytes);
  }

  cork(): void {
    this.socket.cork();
  }

  uncork(): void {
    this.socket.uncork();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(sent?: () => void): void {
    this.socket.end(sent);
  }

  destroy(): void {
    this.socket.destroy();
  }

  private get failure(): Error | undefined {
    const error = this.socket.errored ?? undefined;
    return this.explain === undefined ? error : this.explain(error, this.heard);
  }
}

/**
 * A listener for socket errors, which would end the process without one. "close" follows, and reads the error from
 * `errored`.
 */
function toldByClose(): void {}

/** Explanations of common failures, for users. */
const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ENOTFOUND: "host name not found; check the spelling and the DNS",
  EAI_AGAIN: "temporary failure in name resolution",
  ETIMEDOUT: "connection timed out; check the host, the port and any firewall",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the network",
  ECONNRESET: "connection reset by the other end",
  EADDRNOTAVAIL: "localAddress is not an address of this machine, or has no route to the host",
  EACCES: "permission denied",
  ENOENT: "socket file not found; check the path and that the server is running",
};

/**
 * Opens a socket.
 *
 * @param name the peer's name in error messages
 * @param what the kind of the peer
 * @param onStep must not throw
 */
export function openSocket(
  options: NetConnectOpts,
  name: string,
  signal: AbortSignalLike,
  what: "server" | "proxy" = "server",
  onStep?: (step: DialStep) => void,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let socket: Socket;
    try {
      socket = connect({ ...options, noDelay: true });
    } catch (error) {
      reject(connectionFailed(name, what, error as Error)); // Node does not accept an argument
      return;
    }
    if (onStep !== undefined) reportSteps(socket, what, onStep);
    const done = settleBy(socket, signal, name, reject);
    const failed = (error: Error): void => {
      done();
      reject(connectionFailed(name, what, error));
    };
    // Added first and removed last: engines use a slower form for objects from which a property in the middle was
    // deleted.
    socket.on("error", failed);
    socket.once("connect", () => {
      done();
      socket.off("error", failed);
      socket.on("error", toldByClose);
      resolve(socket);
    });
  });
}

function reportSteps(socket: Socket, to: "server" | "proxy", onStep: (step: DialStep) => void): void {
  socket.on("lookup", (error: Error | null, address: string) => {
    if (!error) onStep({ step: "resolved", address });
  });
  socket.once("connect", () => {
    const { remoteAddress = "", remotePort = 0 } = socket;
    onStep({ step: "connected", to, address: remoteAddress, port: remotePort });
  });
}

/** Destroys `socket` and rejects when `signal` fires. Returns a function that stops this. */
export function settleBy(
  socket: { destroy(): unknown },
  signal: AbortSignalLike,
  name: string,
  reject: (error: TransportError) => void,
): () => void {
  const abort = (): void => {
    socket.destroy();
    reject(new TransportError("CONNECTION_FAILED", `connecting to ${name} was aborted`, { cause: signal.reason }));
  };
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort);
  return () => signal.removeEventListener("abort", abort);
}

function connectionFailed(
  name: string,
  what: string,
  error: Error & { code?: string; errors?: readonly Error[] },
): TransportError {
  const cause: Error & { code?: string } = error.errors?.[0] ?? error; // several addresses were tried
  const code = cause.code ?? error.code ?? "";
  const question = code === "ECONNREFUSED" ? `; check that the ${what} is running and that the port is right` : "";
  const meaning = `${words[code] ?? cause.message}${question}`;
  return new TransportError("CONNECTION_FAILED", `cannot connect to ${name}: ${meaning}${code ? ` (${code})` : ""}`, {
    cause: error,
  });
}
