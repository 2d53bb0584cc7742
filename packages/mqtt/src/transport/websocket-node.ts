/**
 * Opens a WebSocket on Node: with the package `ws` over an own socket, if it is installed; otherwise with the runtime's
 * own class.
 */

import type { Socket } from "node:net";
import { TransportError, UsageError } from "../errors.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { Clock } from "../platform/clock.js";
import type { NetworkOptions, WebSocketClass, WebSocketLike, WebSocketOptions } from "../platform/network-options.js";
import { type ServerAddress, type Transport, urlOf } from "../platform/transport.js";
import type { Explain } from "./socket.js";
import { failed, openedWebSocket } from "./websocket.js";

/** The most bytes of one message of the server: the longest packet, for a server that sends one packet per message. */
const LONGEST_PACKET = 268_435_460;

/**
 * The most fragments of one message. With 16 KiB in each, they hold the longest packet. Each fragment takes additional
 * memory.
 */
const MOST_FRAGMENTS = 16_384;

/**
 * The most network chunks in which an incomplete frame may arrive. With 1 KiB in each, they hold the longest packet.
 */
const MOST_CHUNKS = 262_144;

/** The most bytes that may wait to be sent if a ping is to be answered. */
const MOST_BEFORE_PONG = 65_536;

/** An open socket to the server, and the explanation of its end; undefined: errors are used unchanged. */
export interface Way {
  readonly socket: Socket;
  readonly explain?: Explain;
}

/**
 * @param openWay opens the socket to the server, with TLS and proxy; used if the class accepts a socket
 * @param name the server's name in error messages
 */
export async function dialWebSocket(
  address: ServerAddress,
  options: NetworkOptions,
  openWay: () => Promise<Way>,
  name: string,
  clock: Clock,
  signal: AbortSignalLike,
): Promise<Transport> {
  const { subprotocol = "mqtt" } = options.webSocket ?? {};
  const headers = headersOf(options.webSocket);
  const given = options.webSocket?.implementation ?? (await packageWs());
  const url = urlOf(address);
  if (given === undefined) {
    const own = ownClass(options);
    const socket = headers === undefined ? new own(url, [subprotocol]) : withHeaders(own, url, subprotocol, headers);
    return openedWebSocket(socket as WebSocketLike, subprotocol, name, clock, signal);
  }
  const { socket: way, explain } = await openWay();
  let taken = false;
  const settings = {
    headers,
    createConnection: () => {
      taken = true;
      return way;
    },
    perMessageDeflate: false,
    maxPayload: LONGEST_PACKET,
    maxFragments: MOST_FRAGMENTS,
    maxBufferedChunks: MOST_CHUNKS,
    skipUTF8Validation: true, // text frames are rejected anyway
    autoPong: false,
  };
  const watch = (look: () => void): boolean => {
    // This runs after the listener of `ws`, which has then read the frames. `ws` has no event for a close frame.
    if (taken) way.on("data", look);
    else way.destroy(); // the class has opened its own socket
    return taken;
  };
  try {
    const socket = new given(url, [subprotocol], settings as never);
    answerPings(socket);
    return await openedWebSocket(socket, subprotocol, name, clock, signal, watch);
  } catch (error) {
    const meant = signal.aborted ? undefined : explain?.(way.errored ?? undefined, way.bytesRead !== 0);
    way.destroy();
    if (meant === undefined || meant === way.errored) throw inPlainWords(error, name);
    throw meant instanceof TransportError ? meant : failed(name, meant.message, error);
  }
}

/** Replaces the words of the package `ws` and of Node for a failed handshake. */
function inPlainWords(error: unknown, name: string): unknown {
  if (!(error instanceof TransportError) || !(error.cause instanceof Error)) return error;
  const status = /^Unexpected server response: (\d+)$/.exec(error.cause.message)?.[1];
  if (status !== undefined) {
    const hint = ["401", "403"].includes(status) ? "set webSocket.headers" : "check the path of the URL";
    return failed(name, `the server answered with HTTP status ${status} instead of a WebSocket; ${hint}`, error.cause);
  }
  if (error.cause.message !== "socket hang up") return error;
  const why = "the server closed the connection; check that a WebSocket server listens on this port";
  return failed(name, why, error.cause);
}

/** Removes undefined headers, which Node rejects. */
function headersOf({ headers }: WebSocketOptions = {}): Record<string, string> | undefined {
  if (headers === undefined) return undefined;
  const given = Object.entries(headers).filter((header): header is [string, string] => header[1] !== undefined);
  return Object.fromEntries(given);
}

/** What the package `ws` has in addition to the standard. */
interface PackageSocket extends WebSocketLike {
  on?(event: "ping", listener: (data: Uint8Array) => void): void;
  pong?(data: Uint8Array): void;
}

/** Answers pings while the server reads. Otherwise pongs would accumulate without limit. */
function answerPings(socket: PackageSocket): void {
  socket.on?.("ping", (data) => {
    if (socket.bufferedAmount < MOST_BEFORE_PONG) socket.pong?.(data);
  });
}

async function packageWs(): Promise<WebSocketClass | undefined> {
  try {
    return (await import("ws")).default;
  } catch {
    return undefined; // an optional peer dependency that is not installed
  }
}

function ownClass({ tls, proxy, localAddress }: NetworkOptions): WebSocketClass {
  const own = (globalThis as { WebSocket?: unknown }).WebSocket as WebSocketClass | undefined;
  if (own === undefined) {
    throw new UsageError(
      "TRANSPORT_UNAVAILABLE",
      "url: this version of Node has no built-in WebSocket; install the package ws (npm install ws)",
    );
  }
  const beyond = Object.entries({ tls, proxy: proxy || undefined, localAddress }).find(
    ([, value]) => value !== undefined,
  );
  if (beyond !== undefined) {
    throw new UsageError(
      "TRANSPORT_UNAVAILABLE",
      `${beyond[0]}: the runtime's built-in WebSocket does not support this option; install the package ws (npm install ws)`,
      { option: beyond[0] },
    );
  }
  return own;
}

/** The classes of Node, Bun and Deno accept headers this way; no standard defines it. */
function withHeaders(own: WebSocketClass, url: string, subprotocol: string, headers: Readonly<Record<string, string>>) {
  return new own(url, { protocols: [subprotocol], headers } as unknown as string[]);
}
