/** Byte streams: what a network connection must be able to do, and how one is opened. */

import type { AbortSignalLike } from "./abort.js";
import type { NetworkOptions } from "./network-options.js";

/** Receives the events of a transport. Nothing is called after `onClose`. */
export interface TransportListener {
  /** Receives bytes, in order. They belong to the listener: the transport never writes to them again. */
  onBytes(bytes: Uint8Array): void;
  /** The transport has room again after a `write` that returned false. */
  onDrain(): void;
  /** The connection has ended: by the peer's end of stream (no error) or by a failure. Called exactly once. */
  onClose(error?: Error): void;
}

/** A reliable, ordered byte stream to the peer. `transportSuite` of `@aiko/mqtt/testing` checks an implementation. */
export interface Transport {
  /** Sets the listener. No byte is delivered before. Called once. */
  start(listener: TransportListener): void;
  /** Bytes that `write` accepted and that have not left this process. Default: not known. */
  readonly unsent?: number;
  /**
   * Whether nothing refers to the memory of written bytes any more, because all of them have left this process. If so
   * directly after a write, that memory is used again. Default: not known, so that it is never used again.
   */
  readonly released?: boolean;
  /** Accepts bytes to send, in order. Returns false to ask the caller to wait for `onDrain` before the next write. */
  write(bytes: Uint8Array): boolean;
  /** Announces several writes until `uncork`, which may be sent as one. */
  cork?(): void;
  /** Ends what `cork` started. */
  uncork?(): void;
  /** Stops reading, so that flow control stops the peer. */
  pause(): void;
  /** Continues reading after `pause`. */
  resume(): void;
  /** Sends what was written, then closes. Calls `sent` when all of it has left this process. */
  end(sent?: () => void): void;
  /** Closes immediately. Bytes that were not sent are lost. */
  destroy(): void;
}

/** The address of a server, as parsed from its URL. */
export interface ServerAddress {
  /** The scheme of the URL. */
  readonly scheme: "mqtt" | "mqtts" | "ws" | "wss" | "unix";
  /** The host name or address, IPv6 without brackets; for `unix`, the path of the socket. */
  readonly host: string;
  /** 1 … 65,535; 0 for `unix`. */
  readonly port: number;
  /** The path and query for `ws` and `wss`; otherwise empty. */
  readonly path: string;
}

/** Returns the server's URL for messages: without its query, which may be a signature or a token. */
export function nameOf({ scheme, host, port, path }: ServerAddress): string {
  if (scheme === "unix") return `unix:${host.replace("\0", "@")}`; // abstract names are shown with "@"
  const query = path.indexOf("?");
  return `${originOf(scheme, host, port)}${query < 0 ? path : `${path.slice(0, query)}?…`}`;
}

/** Returns the URL to dial. */
export function urlOf({ scheme, host, port, path }: ServerAddress): string {
  return `${originOf(scheme, host, port)}${path}`;
}

function originOf(scheme: string, host: string, port: number): string {
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** The certificate with which a server identified itself. */
export interface ServerCertificate {
  /** The common name of its subject; empty if it has none. */
  readonly subject: string;
  /** The common name of its issuer, or its organization; empty if it has neither. */
  readonly issuer: string;
  /** The host names and addresses that it is for. */
  readonly names: readonly string[];
  /** The end of its validity, in milliseconds since the Unix epoch. */
  readonly validUntil: number;
}

/** A step of opening a network connection that has succeeded. */
export type DialStep =
  /** The host has this address. Reported once for each address, and not if the host is an address. */
  | { readonly step: "resolved"; readonly address: string }
  /** The socket is open, to the server or to a proxy. `address` is empty, and `port` 0, for a Unix socket. */
  | { readonly step: "connected"; readonly to: "server" | "proxy"; readonly address: string; readonly port: number }
  /** The proxy has connected to the server. */
  | { readonly step: "proxied" }
  /** TLS is established. There is no certificate with a pre-shared key. `protocol` is such as "TLSv1.3". */
  | {
      readonly step: "secured";
      readonly protocol: string;
      readonly cipher: string;
      readonly certificate: ServerCertificate | undefined;
    };

/**
 * Opens a network connection, or rejects. `signal` cancels the attempt.
 *
 * @param onStep called after each step, for diagnosis. Only the platform of Node reports steps. Errors that it throws
 * are ignored
 */
export type Dial = (
  address: ServerAddress,
  signal: AbortSignalLike,
  options: NetworkOptions,
  onStep?: (step: DialStep) => void,
) => Promise<Transport>;
