/** How bytes come in and go out: what a network connection must be able to do, and how one is opened. */

import type { AbortSignalLike } from "./abort.js";
import type { NetworkOptions } from "./network-options.js";

/** What a transport tells its owner. After `onClose` it tells nothing more. */
export interface TransportListener {
  /** Bytes that arrived, in order. They are the listener's: the transport never writes to them again. */
  onBytes(bytes: Uint8Array): void;
  /** The transport has room again after a `write` that returned false. */
  onDrain(): void;
  /** The connection is gone: by the peer's end of stream (no error) or by a failure. Called exactly once. */
  onClose(error?: Error): void;
}

export interface Transport {
  /** Sets the listener. No byte is delivered before. Called once. */
  start(listener: TransportListener): void;
  /** Bytes that `write` took and that have not left this process. Default: not known. */
  readonly unsent?: number;
  /** Takes bytes to send, in order. False asks to wait for `onDrain` before giving more. */
  write(bytes: Uint8Array): boolean;
  /** Several writes follow until `uncork`, and may go as one. */
  cork?(): void;
  uncork?(): void;
  /** Stops reading, so that the peer's bytes pile up at the peer. */
  pause(): void;
  resume(): void;
  /** Sends what was written, then closes. `sent` is called when all of it has left this process. */
  end(sent?: () => void): void;
  /** Closes at once; what was not sent is lost. */
  destroy(): void;
}

/** Where a server is, as parsed from its URL. */
export interface ServerAddress {
  readonly scheme: "mqtt" | "mqtts" | "ws" | "wss" | "unix";
  /** Host name or address, IPv6 without brackets; the socket's path for `unix`. */
  readonly host: string;
  /** 1 … 65,535; 0 for `unix`. */
  readonly port: number;
  /** Path and query for `ws` and `wss`; empty otherwise. */
  readonly path: string;
}

/** The server's URL as it may stand in a message: without its query, which may be a signature or a token. */
export function nameOf({ scheme, host, port, path }: ServerAddress): string {
  if (scheme === "unix") return `unix:${host.replace("\0", "@")}`; // abstract names are shown so
  const query = path.indexOf("?");
  return `${originOf(scheme, host, port)}${query < 0 ? path : `${path.slice(0, query)}?…`}`;
}

/** The URL to dial. */
export function urlOf({ scheme, host, port, path }: ServerAddress): string {
  return `${originOf(scheme, host, port)}${path}`;
}

function originOf(scheme: string, host: string, port: number): string {
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Opens a network connection, or rejects; `signal` gives up. */
export type Dial = (address: ServerAddress, signal: AbortSignalLike, options: NetworkOptions) => Promise<Transport>;
