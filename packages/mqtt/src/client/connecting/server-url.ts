/** Parses a server's URL. Written out here because small engines have no `URL`. */

import { UsageError } from "../../errors.js";
import { nameOf, type ServerAddress } from "../../platform/transport.js";
import { shownValue } from "../../topic/shown-value.js";

/** A URL, as text or as the runtime's own `URL`. */
export type Url = string | { readonly href: string };

/** A URL as text with a scheme in lower case. */
export type UrlText = `${"mqtt" | "mqtts" | "ws" | "wss" | "tcp" | "ssl" | "tls"}://${string}` | `unix:${string}`;

/**
 * The URLs of `Given` whose scheme the compiler knows and `Right` does not contain. A text whose scheme can be any
 * string may be right.
 */
export type WrongUrl<Given, Right> = Given extends string
  ? Lowercase<Given> extends Right
    ? never
    : Record<never, never> extends Record<Given extends `${infer Scheme}:${string}` ? Scheme : Given, unknown>
      ? never
      : Given
  : never;

/**
 * Is `Given`, unless the compiler can see that it names no server: a text such as "http://host", a list with such a
 * text, or an empty list. It is then the type to write instead. A variable of type string is accepted, and checked at
 * run time.
 */
export type ServersGiven<Given, Right = UrlText> = unknown extends Given // any
  ? Given
  : [Given] extends [readonly never[]]
    ? readonly [Right, ...Right[]]
    : [WrongUrl<Given extends readonly (infer Each)[] ? Each : Given, Right>] extends [never]
      ? Given
      : Right;

export interface ServerUrl {
  readonly address: ServerAddress;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** The URL without credentials and query, for messages and events. */
  readonly name: string;
}

const DEFAULT_PORTS = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443 } as const;
const ALIASES: ReadonlyMap<string, ServerAddress["scheme"]> = new Map([
  ["mqtt", "mqtt"],
  ["tcp", "mqtt"],
  ["mqtts", "mqtts"],
  ["ssl", "mqtts"],
  ["tls", "mqtts"],
  ["ws", "ws"],
  ["wss", "wss"],
  ["unix", "unix"],
]);

/** The last parsed URL, unless it may contain a secret: most clients of a process connect to the same server. */
let latest: { readonly url: string; readonly server: ServerUrl } | undefined;

/**
 * @throws UsageError URL_INVALID
 * @example parseServerUrl("mqtt://ann:secret@broker.example") // port 1883, username "ann", name "mqtt://broker.example:1883"
 */
export function parseServerUrl(given: Url): ServerUrl {
  const url = (given as { readonly href?: string } | null)?.href ?? given;
  if (typeof url !== "string") {
    const rule = "must be a string, a URL, a list of these, or a function that returns them";
    throw new UsageError("URL_INVALID", `url ${shownValue(given)}: ${rule}`);
  }
  if (latest?.url === url) return latest.server;
  const server = parse(url);
  if (server.username === undefined && !url.includes("?")) latest = { url, server };
  return server;
}

/** The default port; 0 for `unix`. */
export function portOf(scheme: ServerAddress["scheme"]): number {
  return scheme === "unix" ? 0 : DEFAULT_PORTS[scheme];
}

function parse(url: string): ServerUrl {
  const colon = url.indexOf(":");
  const scheme = ALIASES.get(url.slice(0, Math.max(0, colon)).toLowerCase());
  if (scheme === undefined)
    throw invalid(url, "must begin with mqtt:, mqtts:, ws:, wss: or unix:, as in mqtt://localhost:1883");
  let rest = url.slice(colon + 1);
  if (scheme === "unix") return unixUrl(url, rest);
  if (!rest.startsWith("//")) throw invalid(url, `must have // after ${scheme}:`);
  rest = rest.slice(2);
  const slash = firstOf(rest, "/?#");
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  const path = slash < 0 ? "" : rest.slice(slash);
  const at = authority.lastIndexOf("@");
  const [username, password] = at < 0 ? [undefined, undefined] : credentials(url, authority.slice(0, at));
  const hosts = authority.slice(at + 1);
  const comma = hosts.lastIndexOf(",");
  if (comma >= 0 && (hosts.endsWith(":") || hosts.slice(0, comma).includes(":"))) {
    throw invalid(url, 'must name one server; for several, pass a list, as in ["mqtt://a", "mqtt://b"]');
  }
  const { host, port } = hostAndPort(url, hosts, DEFAULT_PORTS[scheme]);
  const isWebSocket = scheme === "ws" || scheme === "wss";
  if (!isWebSocket && path !== "" && path !== "/") throw invalid(url, `${scheme}: does not allow a path; remove it`);
  if (hasControls(path)) throw invalid(url, "control characters in a path must be % escapes");
  const address: ServerAddress = { scheme, host, port, path: isWebSocket ? path || "/" : "" };
  return { address, username, password, name: nameOf(address) };
}

function unixUrl(url: string, rest: string): ServerUrl {
  const path = rest.startsWith("//") ? rest.slice(2) : rest;
  if (path === "") throw invalid(url, "must name the socket's path, as in unix:/run/broker.sock");
  // On Linux, a NUL at the beginning marks an abstract name.
  if (hasControls(path, path[0] === "\0" ? 1 : 0))
    throw invalid(url, "a socket's path must not contain control characters");
  const address: ServerAddress = { scheme: "unix", host: path, port: 0, path: "" };
  return { address, username: undefined, password: undefined, name: nameOf(address) };
}

function hostAndPort(url: string, text: string, defaultPort: number): { host: string; port: number } {
  let host = text;
  let port = "";
  if (text.startsWith("[")) {
    const end = text.indexOf("]");
    if (end < 0) throw invalid(url, 'an IPv6 address must end with "]"');
    host = text.slice(1, end);
    if (host !== "" && !host.includes(":")) throw invalid(url, "only an IPv6 address may be in brackets");
    if (text.length > end + 1 && text[end + 1] !== ":") throw invalid(url, 'after "]" only a port may follow');
    port = text.slice(end + 2);
  } else if (text.includes(":")) {
    host = text.slice(0, text.indexOf(":"));
    port = text.slice(text.indexOf(":") + 1);
    if (port.includes(":")) throw invalid(url, "an IPv6 address must be in brackets, as in mqtt://[::1]:1883");
  }
  if (host === "") throw invalid(url, "must include a host, as in mqtt://localhost:1883");
  const number = port === "" ? defaultPort : parsePort(url, port);
  if (!isHost(host, text[0] === "["))
    throw invalid(url, 'a host must be at most 253 letters, digits, "-", "_" and "."');
  return { host, port: number };
}

/**
 * Systems end a name at a NUL, HTTP does not allow control characters, and URL parsers disagree about others. A host
 * with such characters could lead to another host than it shows. Beyond ASCII, all characters are allowed except
 * control, format, space and punctuation characters, surrogates, and forms that stand for ASCII characters.
 */
function isHost(text: string, inBrackets: boolean): boolean {
  return (
    text.length < 254 && // the limit of DNS
    [...text].every(
      (one) =>
        (one >= "-" && one <= ":") || // digits included; "/" and, outside brackets, ":" were removed before
        (one >= "A" && one <= "Z") ||
        (one >= "a" && one <= "z") ||
        one === "_" ||
        (one === "%" && inBrackets) || // before the network interface
        (one > "\xbf" && one < "\u2000") ||
        (one > "\u206f" && one < "\u3000") ||
        (one > "\u3002" && one < "\ud800"),
    )
  );
}

function hasControls(text: string, from = 0): boolean {
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

function parsePort(url: string, text: string): number {
  const port = Number(text);
  if (!isDigits(text)) {
    // It may contain a secret.
    if (url.includes("@"))
      throw invalid(url, "the port is not a number; in a user name or password, write % escapes for # / ? and @");
    const begin = url.slice(0, url.lastIndexOf(text));
    const rule = "the port is not a number; after a user name and a password, write @ and the host";
    throw new UsageError("URL_INVALID", `url ${shownValue(`${begin}***`)}: ${rule}`);
  }
  if (port < 1 || port > 65_535) throw invalid(url, `port ${text} must be an integer from 1 to 65,535`);
  return port;
}

function isDigits(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) < 0x30 || text.charCodeAt(i) > 0x39) return false;
  return text.length > 0;
}

function credentials(url: string, text: string): [string, string | undefined] {
  const colon = text.indexOf(":");
  try {
    if (colon < 0) return [decodeURIComponent(text), undefined];
    return [decodeURIComponent(text.slice(0, colon)), decodeURIComponent(text.slice(colon + 1))];
  } catch (cause) {
    throw new UsageError("URL_INVALID", `url ${shown(url)}: user name or password has an invalid % escape`, { cause });
  }
}

function firstOf(text: string, characters: string): number {
  for (let i = 0; i < text.length; i++) if (characters.includes(text[i] as string)) return i;
  return -1;
}

/** Returns the URL for messages, without anything that could be a password or a token. */
function shown(url: string): string {
  const slashes = url.indexOf("//");
  const begin = url.slice(0, slashes < 0 ? 0 : slashes + 2);
  const at = url.lastIndexOf("@");
  const end = firstOf(url, "?#");
  if (at >= 0 && end >= 0 && end < at) return shownValue(`${begin}***`); // the "@" may belong to the query
  const rest = url.slice(at + 1, end < 0 ? undefined : end + 1);
  return shownValue(`${at < 0 ? "" : `${begin}***@`}${rest}${end < 0 ? "" : "…"}`);
}

function invalid(url: string, rule: string): UsageError {
  return new UsageError("URL_INVALID", `url ${shown(url)}: ${rule}`);
}
