/** Where a broker listens: what may be said about it, and the precise places that come of it. */

import { UsageError } from "@aiko/mqtt";
import { assertTls, type BrokerTls } from "./broker-tls.js";

/** One place where a broker takes connections. */
export interface ListenerOptions {
  /**
   * `mqtt://host:port` or `mqtts://host:port` for TCP, `ws://host:port` or `wss://host:port` for WebSockets, which are taken under any path and
   * with the subprotocol `mqtt`, or `unix:/path` for a Unix socket. Port 0 takes any free one. Default ports: 1883, 8883, 80 and 443.
   */
  readonly url: string;
  /** The certificate and key, which `mqtts:` and `wss:` need. */
  readonly tls?: BrokerTls | undefined;
  /**
   * The permissions of a Unix socket, 0 … 0o777, whatever the process's umask. Default 0o600: only processes of the same user may connect.
   * 0o660 lets the group of the socket connect too.
   */
  readonly mode?: number | undefined;
}

/** A place at a port. */
export interface PortPlace {
  readonly scheme: "mqtt" | "ws";
  readonly host: string;
  readonly port: number;
  readonly tls: BrokerTls | undefined;
}

export interface PathPlace {
  readonly path: string;
  readonly mode: number;
}

export type Place = PortPlace | PathPlace;

const names: readonly string[] = ["url", "tls", "mode"];
const DEFAULT_MODE = 0o600;
/** Without TLS, and with it. */
const defaultPorts = { mqtt: [1883, 8883], ws: [80, 443] } as const;
const MAXIMUM_PORT = 65_535;
const FORMS = "mqtt://host:port, mqtts://host:port, ws://host:port, wss://host:port or unix:/path";
const AT_PORT =
  /^(?<scheme>mqtt|ws)(?<secure>s?):\/\/(?:\[(?<ipv6>[^\s/?#@[\]]{2,64})\]|(?<name>[^\s:/?#@[\]]{1,255}))(?::(?<port>\d{1,5}))?\/?$/;

/** @throws UsageError OPTION_UNKNOWN or OPTION_INVALID */
export function parseListeners(listeners: unknown): Place[] {
  if (!Array.isArray(listeners))
    throw new UsageError("OPTION_INVALID", 'listeners: must be a list, as in [{ url: "mqtt://127.0.0.1:1883" }]');
  return listeners.map((each, i) => parseListener(`listeners[${i}]`, each));
}

function parseListener(option: string, given: unknown): Place {
  const invalid = (rule: string): UsageError => new UsageError("OPTION_INVALID", `${option}${rule}`);
  if (typeof given !== "object" || given === null)
    throw invalid(': must be an object, as in { url: "mqtt://127.0.0.1:1883" }');
  for (const name in given) {
    if (!names.includes(name))
      throw new UsageError("OPTION_UNKNOWN", `option "${option}.${name}": there is no such option`);
  }
  const { url, tls, mode } = given as Readonly<Record<string, unknown>>;
  if (typeof url !== "string") throw invalid(`.url: must be ${FORMS}`);
  if (tls !== undefined) assertTls(`${option}.tls`, tls);
  if (/^unix:./.test(url)) {
    if (tls !== undefined) throw invalid(".tls: a Unix socket has no TLS");
    if (mode !== undefined && !isIntegerUpTo(mode, 0o777))
      throw invalid(`.mode ${String(mode)}: must be an integer from 0 to 511 (0o777)`);
    return { path: url.slice("unix:".length), mode: mode ?? DEFAULT_MODE };
  }
  const { scheme = "", secure, ipv6, name, port = "" } = AT_PORT.exec(url)?.groups ?? {};
  const host = ipv6 ?? name;
  // A URL that is none of them may hold a password.
  if (host === undefined || Number(port) > MAXIMUM_PORT)
    throw invalid(`.url: must be ${FORMS}, without user, path or query`);
  if (mode !== undefined) throw invalid(".mode: is for Unix sockets only");
  if (secure && tls === undefined) throw invalid(`.tls: ${scheme}s: needs { certificate, key }`);
  if (!secure && tls !== undefined) throw invalid(`.tls: ${scheme}: has no TLS; write ${scheme}s:`);
  const [usual, usualSecure] = defaultPorts[scheme as PortPlace["scheme"]];
  return {
    scheme: scheme as PortPlace["scheme"],
    host,
    port: port === "" ? (secure ? usualSecure : usual) : Number(port),
    tls,
  };
}

function isIntegerUpTo(value: unknown, maximum: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= maximum;
}
