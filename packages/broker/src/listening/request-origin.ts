/**
 * Whether an upgrade request comes from a web page that may use the broker. A browser lets any page connect to any
 * WebSocket that its user can reach, and sends the page's origin in `Origin`. A page can make its own name resolve to
 * this machine (DNS rebinding); `Host` then contains that name. Other programs send no `Origin`.
 */

import type { IncomingMessage } from "node:http";
import { isIPv4 } from "node:net";

/** The listener's host, and the option `allowedOrigins`. */
export interface OriginRules {
  readonly host: string;
  readonly allowedOrigins: readonly string[];
}

/** Returns the origin as the browser sent it; undefined if the request has none. */
export function originOf({ headers }: IncomingMessage): string | undefined {
  const origin = headers.origin ?? headers["sec-websocket-origin"];
  return typeof origin === "string" ? origin : origin?.join(", ");
}

/** Returns why the request is refused; undefined if it is not. */
export function originRefusal(request: IncomingMessage, { host, allowedOrigins }: OriginRules): string | undefined {
  if (allowedOrigins.includes("*")) return undefined;
  const named = hostOf(request.headers.host ?? "");
  const origin = originOf(request);
  const own = isLoopback(request.socket.localAddress ?? "");
  const isAllowedHost = (): boolean =>
    isLoopback(named) ||
    named === host.toLowerCase() ||
    allowedOrigins.some((origin) => hostOfOrigin(origin) === named);
  const isHostChecked = own && (origin !== undefined || isLoopback(host.toLowerCase()));
  if (isHostChecked && !isAllowedHost()) {
    return `WebSocket: Host ${shown(named)} is not a name of this machine; add its origin to allowedOrigins to allow it`;
  }
  if (origin === undefined || allowedOrigins.includes(origin)) return undefined;
  const page = hostOfOrigin(origin);
  if (page !== undefined && (page === named || (own && isLoopback(page)))) return undefined;
  return `WebSocket: Origin ${shown(origin)} is not allowed; add it to allowedOrigins to allow it`;
}

/** Returns `origin` as browsers send it; undefined if it is not an origin. */
export function serializedOrigin(origin: string): string | undefined {
  const url = parsed(origin);
  return url === undefined || url.host === "" ? undefined : `${url.protocol}//${url.host}`;
}

/** Returns the host without port and brackets. */
function hostOf(header: string): string {
  const end = header.startsWith("[") ? header.indexOf("]") : header.indexOf(":");
  return header.slice(header.startsWith("[") ? 1 : 0, end < 0 ? header.length : end).toLowerCase();
}

function hostOfOrigin(origin: string): string | undefined {
  const host = parsed(origin)?.host;
  return host ? hostOf(host) : undefined;
}

function parsed(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/** Returns whether the name or address always refers to this machine. */
function isLoopback(host: string): boolean {
  const address = host.startsWith("::ffff:") ? host.slice(7) : host;
  return address === "localhost" || address === "::1" || (isIPv4(address) && address.startsWith("127."));
}

const MOST_SHOWN = 100;

/** Prepares received text for logs: its beginning, in printable ASCII. */
function shown(text: string): string {
  const printable = [...text.slice(0, MOST_SHOWN)].map((one) => (one >= " " && one <= "~" ? one : "?")).join("");
  return `"${printable}"${text.length > MOST_SHOWN ? "…" : ""}`;
}
