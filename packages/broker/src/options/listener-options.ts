/** The options for where a broker listens, and the precise places that they become. */

import type { UsageError } from "@aiko/mqtt";
import { integer, readOptions, secret, wrongOption } from "@aiko/mqtt/options";
import { type BrokerTls, readTls } from "./broker-tls.js";
import { type ListenerTerms, termRules } from "./listener-terms.js";

/** Options of one listener: where the broker accepts connections. */
export interface ListenerOptions extends ListenerTerms {
  /**
   * `mqtt://host:port` or `mqtts://host:port` for TCP; `ws://host:port` or `wss://host:port` for WebSockets, at any
   * path, with the subprotocol `mqtt`; or `unix:/path` for a Unix socket. Port 0 picks a free port. Default ports:
   * 1883, 8883, 80 and 443.
   */
  readonly url: string;
  /** The certificate and key. `mqtts:` and `wss:` require them. */
  readonly tls?: BrokerTls | undefined;
  /**
   * The permissions of a Unix socket, 0 … 0o777, independent of the umask. Default 0o600: only processes of the same
   * user may connect. 0o660 also allows the group of the socket.
   */
  readonly mode?: number | undefined;
}

/** A listener at a port. */
export interface PortPlace {
  readonly scheme: "mqtt" | "ws";
  readonly host: string;
  readonly port: number;
  readonly tls: BrokerTls | undefined;
  readonly terms?: ListenerTerms | undefined;
}

export interface PathPlace {
  readonly path: string;
  readonly mode: number;
  readonly terms?: ListenerTerms | undefined;
}

export type Place = PortPlace | PathPlace;

/** What `BrokerListener.change` changes. Undefined leaves it unchanged. */
export interface ListenerChange {
  /** The new certificate and key, of a listener for `mqtts:` or `wss:`. */
  readonly tls?: BrokerTls | undefined;
  /** As in `ListenerOptions`. */
  readonly maximumConnections?: number | undefined;
  /** As in `ListenerOptions`, of a listener for WebSockets. */
  readonly allowedOrigins?: readonly string[] | undefined;
}

const DEFAULT_MODE = 0o600;
/** The default ports without and with TLS. */
const defaultPorts = { mqtt: [1883, 8883], ws: [80, 443] } as const;
const MAXIMUM_PORT = 65_535;
const FORMS = "mqtt://host:port, mqtts://host:port, ws://host:port, wss://host:port or unix:/path";
const AT_PORT =
  /^(?<scheme>mqtt|ws)(?<secure>s?):\/\/(?:\[(?<ipv6>[^\s/?#@[\]]{2,64})\]|(?<name>[^\s:/?#@[\]]{1,255}))(?::(?<port>\d{1,5}))?\/?$/;

/** @throws UsageError OPTION_UNKNOWN or OPTION_INVALID */
export function readListeners(name: string, listeners: unknown): Place[] | undefined {
  if (listeners === undefined) return undefined;
  if (!Array.isArray(listeners)) throw wrongOption(name, 'must be a list, as in [{ url: "mqtt://127.0.0.1:1883" }]');
  return listeners.map((each, i) => readListener(`${name}[${i}]`, each));
}

const rules = {
  url: secret<string>((value) => typeof value === "string", `must be ${FORMS}`), // it may contain a password
  tls: readTls,
  mode: integer(0, 0o777),
  ...termRules,
} satisfies Record<keyof ListenerOptions, unknown>;

/** @throws UsageError OPTION_UNKNOWN or OPTION_INVALID */
export function readChange(change: ListenerChange): ListenerChange {
  const { tls, maximumConnections, allowedOrigins } = rules;
  return readOptions({ tls, maximumConnections, allowedOrigins }, change);
}

/** @throws UsageError OPTION_UNKNOWN or OPTION_INVALID */
export function readListener(option: string, given: unknown): Place {
  if (typeof given !== "object" || given === null)
    throw wrongOption(option || "options", 'must be an object, as in { url: "mqtt://127.0.0.1:1883" }');
  const prefix = option === "" ? "" : `${option}.`;
  const invalid = (name: keyof ListenerOptions, rule: string): UsageError => wrongOption(`${prefix}${name}`, rule);
  const { url = "", tls, mode, ...own } = readOptions(rules, given, prefix);
  const terms = Object.values(own).some((value) => value !== undefined) ? own : undefined;
  if (own.allowedOrigins !== undefined && !/^wss?:/.test(url))
    throw invalid("allowedOrigins", "is only allowed for ws: and wss:");
  const at = parseListenerUrl(url);
  // A URL of another form is not shown, because it may contain a password.
  if (at === undefined) throw invalid("url", LISTENER_URL_RULE);
  if ("path" in at) {
    if (tls !== undefined) throw invalid("tls", "a Unix socket does not use TLS; remove tls");
    return { path: at.path, mode: mode ?? DEFAULT_MODE, terms };
  }
  const { scheme, isSecure, host, port } = at;
  if (mode !== undefined) throw invalid("mode", "is only allowed for Unix sockets");
  if (isSecure && tls === undefined) throw invalid("tls", `${scheme}s: requires { certificate, key }`);
  if (!isSecure && tls !== undefined) throw invalid("tls", `${scheme}: does not use TLS; write ${scheme}s:`);
  return { scheme, host, port, tls, terms };
}

/** What the URL of a listener says. */
export type ListenerAddress =
  | { readonly scheme: PortPlace["scheme"]; readonly isSecure: boolean; readonly host: string; readonly port: number }
  | { readonly path: string };

/** The rule of a listener's URL, in words that follow the name of the option. */
export const LISTENER_URL_RULE = `must be ${FORMS}, without user, path or query`;

/** Returns undefined if it is not the URL of a listener. */
export function parseListenerUrl(url: string): ListenerAddress | undefined {
  if (/^unix:./.test(url)) return { path: url.slice("unix:".length) };
  const { scheme, secure, ipv6, name, port = "" } = AT_PORT.exec(url)?.groups ?? {};
  const host = ipv6 ?? name;
  if ((scheme !== "mqtt" && scheme !== "ws") || host === undefined || Number(port) > MAXIMUM_PORT) return undefined;
  const [usual, usualSecure] = defaultPorts[scheme];
  const isSecure = secure === "s";
  return { scheme, isSecure, host, port: port === "" ? (isSecure ? usualSecure : usual) : Number(port) };
}
