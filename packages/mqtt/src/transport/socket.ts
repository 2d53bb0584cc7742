/** A Transport over one of Node's stream sockets (TCP, a Unix socket, TLS), and how the first two are opened. */

import { connect, type NetConnectOpts, type Socket } from "node:net";
import { TransportError } from "../errors.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { Transport, TransportListener } from "../platform/transport.js";

export class SocketTransport implements Transport {
  /** @param explain what an error of this socket means, for people; undefined: its own words */
  constructor(
    private readonly socket: Socket,
    private readonly explain: (error: Error) => Error = (error) => error,
  ) {}

  start(listener: TransportListener): void {
    const { socket } = this;
    let failure: Error | undefined;
    socket.removeAllListeners("error");
    socket.on("data", (bytes: Uint8Array) => listener.onBytes(bytes));
    socket.on("drain", () => listener.onDrain());
    socket.on("error", (error) => {
      failure = this.explain(error);
    });
    socket.on("close", () => listener.onClose(failure));
    if (socket.destroyed) listener.onClose(failure);
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
}

/** What the common failures mean, for people. */
const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ENOTFOUND: "no such host name",
  EAI_AGAIN: "the name could not be looked up just now",
  ETIMEDOUT: "no answer",
  EHOSTUNREACH: "no route to that host",
  ENETUNREACH: "no route to that network",
  ECONNRESET: "connection reset by the other side",
  EADDRNOTAVAIL: "localAddress is not an address of this machine, or has no way there",
  EACCES: "permission denied",
  ENOENT: "no such socket",
};

/**
 * Opens a socket.
 *
 * @param name stands for the other side in error messages
 * @param what the other side is
 */
export function openSocket(
  options: NetConnectOpts,
  name: string,
  signal: AbortSignalLike,
  what: "server" | "proxy" = "server",
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...options, noDelay: true });
    const done = settleBy(socket, signal, name, reject);
    socket.once("connect", () => {
      done();
      resolve(socket);
    });
    socket.once("error", (error) => {
      done();
      reject(connectionFailed(name, what, error));
    });
  });
}

/** Destroys `socket` and rejects when `signal` fires, until the function returned is called. */
export function settleBy(
  socket: { destroy(): unknown },
  signal: AbortSignalLike,
  name: string,
  reject: (error: TransportError) => void,
): () => void {
  const abort = (): void => {
    socket.destroy();
    reject(new TransportError("CONNECTION_FAILED", `connecting to ${name} was given up`, { cause: signal.reason }));
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
  const question = code === "ECONNREFUSED" ? `: is a ${what} running there?` : "";
  const meaning = `${words[code] ?? cause.message}${question}`;
  return new TransportError("CONNECTION_FAILED", `cannot connect to ${name}: ${meaning}${code ? ` (${code})` : ""}`, {
    cause: error,
  });
}
