/** What may be said about a broker, and the precise settings that come of it. */

import { X509Certificate } from "node:crypto";
import { type Clock, type Pem, platform, UsageError } from "@aiko/mqtt";
import {
  boolean,
  func,
  holds,
  integer,
  type OptionsRead,
  object,
  readOptions,
  secret,
  wrongOption,
} from "@aiko/mqtt/options";
import { serializedOrigin } from "./request-origin.js";

/** Who asks to be let in. */
export interface Credentials {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
  /** The IP address that the client connects from; undefined at a Unix socket. */
  readonly address: string | undefined;
  /** The origin of the web page that connects, as in "https://app.example"; undefined for programs other than browsers. */
  readonly origin: string | undefined;
}

/** What happens in a broker, for logs. */
export type BrokerEvent =
  | {
      readonly type: "connected";
      readonly clientId: string;
      readonly protocolVersion: 3 | 4 | 5;
      readonly sessionPresent: boolean;
    }
  | { readonly type: "refused"; readonly reason: string }
  | { readonly type: "disconnected"; readonly clientId: string; readonly reason: string }
  | { readonly type: "subscribed"; readonly clientId: string; readonly topicFilter: string; readonly qos: 0 | 1 | 2 }
  | { readonly type: "published"; readonly clientId: string; readonly topic: string; readonly bytes: number }
  /** A message for this client did not fit: its queue is at a bound, or the message is longer than the client takes. */
  | { readonly type: "dropped"; readonly clientId: string; readonly topic: string; readonly reason: string }
  /** A message was passed on, but is not kept: the retained messages are at a bound. */
  | { readonly type: "notRetained"; readonly clientId: string | undefined; readonly topic: string };

/** A certificate and its key, PEM text or its bytes, and what clients must show. */
export interface BrokerTls {
  readonly certificate: Pem;
  readonly key: Pem;
  readonly passphrase?: string | undefined;
  /** Certificates of the authorities that clients' certificates must come from; without it, clients need none. */
  readonly clientCa?: Pem | readonly Pem[] | undefined;
}

/** Undefined stands for the default. */
export interface BrokerOptions {
  /** Where to listen. Default "127.0.0.1": this machine only. */
  readonly host?: string | undefined;
  /** 0 … 65,535; 0 takes any free one. Default 1883. */
  readonly port?: number | undefined;
  /** Path of a Unix socket to listen at, instead of host and port. */
  readonly path?: string | undefined;
  /**
   * The permissions of the Unix socket, 0 … 0o777, whatever the process's umask. Default 0o600: only processes of the same user may
   * connect. 0o660 lets the group of the socket connect too.
   */
  readonly pathMode?: number | undefined;
  /** An additional port, 0 … 65,535, for WebSockets, with any path and the subprotocol `mqtt`. Default: none. */
  readonly webSocketPort?: number | undefined;
  /**
   * Origins of web pages that may connect to `webSocketPort`, as in "https://app.example"; "*" allows all. Their hosts are allowed in the
   * header Host too, as a reverse proxy passes it on. Default: none. Pages of the same host as the broker are always allowed, whatever
   * their port, and so are programs that send no Origin. If `host` is this machine, or a page connects from it, the header Host must be
   * localhost, a loopback address, or `host`.
   */
  readonly allowedOrigins?: readonly string[] | undefined;
  /** Makes all listeners on ports secure ones: `mqtts:` and `wss:`. */
  readonly tls?: BrokerTls | undefined;
  /** Lets a client in or not. Default: everybody. */
  readonly authenticate?: ((credentials: Credentials) => boolean | Promise<boolean>) | undefined;
  /**
   * The longest packet taken, in bytes, 16 … 268,435,460, the protocol's own limit. Default 67,108,864. Packets other than PUBLISH have at
   * most 4,194,304 in any case.
   */
  readonly maximumPacketSize?: number | undefined;
  /** Connections at one time, those that are in the handshake of TLS or WebSocket included; from 1. Default 10,000. */
  readonly maximumConnections?: number | undefined;
  /**
   * Sessions at one time, with or without a connection, 1 … 16,777,216; a client that would begin another is refused. Default 100,000.
   */
  readonly maximumSessions?: number | undefined;
  /** Subscriptions of one client, from 1; what it asks for beyond is refused. Default 10,000. */
  readonly maximumSubscriptions?: number | undefined;
  /** Levels of a topic name or filter, 1 … 65,536. Default 200, as mosquitto has it. */
  readonly maximumTopicLevels?: number | undefined;
  /** Messages that may wait for one client, from 1; what comes beyond is dropped for it. Default 100,000. */
  readonly maximumQueuedMessages?: number | undefined;
  /** Bytes that may wait for one client, from 1; what comes beyond is dropped for it. Default 64 MiB. */
  readonly maximumQueuedBytes?: number | undefined;
  /** Retained messages, from 0; what comes beyond is passed on, but not kept. Default 100,000. */
  readonly maximumRetainedMessages?: number | undefined;
  /**
   * Bytes that the retained messages take, about 200 for each and for each level of its topic included, from 0; what comes beyond is
   * passed on, but not kept. Default 256 MiB.
   */
  readonly maximumRetainedBytes?: number | undefined;
  /** QoS 1 and 2 messages that a client may send unacknowledged, 1 … 65,535. Default 65,535. */
  readonly receiveMaximum?: number | undefined;
  /** Topic aliases that a client may use, and that the broker uses towards it if the client takes them, 0 … 65,535. Default 100. */
  readonly topicAliasMaximum?: number | undefined;
  /** The longest keep-alive a client may have, in seconds, 0 … 65,535; 0 (no limit) lets a silent client stay forever. Default 0. */
  readonly maximumKeepAlive?: number | undefined;
  /** Seconds that a session without a connection is kept at the most, 0 … 4,294,967,295. Default 86,400. */
  readonly maximumSessionExpiry?: number | undefined;
  /**
   * Milliseconds, 1 … 2,147,483,647, from a connection's opening until it is let in: the handshakes of TLS and WebSocket are done, CONNECT
   * has come and `authenticate` has answered. Default 10,000.
   */
  readonly connectTimeout?: number | undefined;
  /** Takes client identifiers of more than 23 characters on MQTT 3.1. Default false [MQTT31-6]. */
  readonly longClientIdentifiers?: boolean | undefined;
  /** Told what happens. */
  readonly onEvent?: ((event: BrokerEvent) => void) | undefined;
  /** Time. Default: the runtime's. */
  readonly clock?: Clock | undefined;
}

/** The longest packet of the protocol, in bytes: its fixed header has five of them, and the rest has 268,435,455. */
export const PROTOCOL_MAXIMUM = 268_435_460;

/** Node would listen everywhere if it were empty. */
function filled<Default>(name: string, value: unknown, otherwise: Default): string | Default {
  if (value === undefined) return otherwise;
  return mustBeFilled(name, mustBeText(name, value)) as string;
}
const mustBeText = holds<string>((value) => typeof value === "string", "must be a string");
const mustBeFilled = holds<string>((value) => value !== "", "must not be empty");

const DEFAULT_PORT = 1883;

const rules = {
  host: (name: string, value: unknown) => filled(name, value, "127.0.0.1"),
  port: integer(0, 65_535, DEFAULT_PORT),
  path: (name: string, value: unknown) => filled(name, value, undefined),
  pathMode: integer(0, 0o777, 0o600),
  webSocketPort: integer(0, 65_535),
  allowedOrigins: readOrigins,
  tls: readTls,
  authenticate: func<Authenticate, Authenticate>(() => true),
  maximumPacketSize: integer(16, PROTOCOL_MAXIMUM, 67_108_864),
  maximumConnections: integer(1, 2 ** 31, 10_000),
  maximumSessions: integer(1, 2 ** 24, 100_000),
  maximumSubscriptions: integer(1, Number.MAX_SAFE_INTEGER, 10_000),
  maximumTopicLevels: integer(1, 65_536, 200),
  maximumQueuedMessages: integer(1, Number.MAX_SAFE_INTEGER, 100_000),
  maximumQueuedBytes: integer(1, Number.MAX_SAFE_INTEGER, 64 * 2 ** 20),
  maximumRetainedMessages: integer(0, Number.MAX_SAFE_INTEGER, 100_000),
  maximumRetainedBytes: integer(0, Number.MAX_SAFE_INTEGER, 256 * 2 ** 20),
  receiveMaximum: integer(1, 65_535, 65_535),
  topicAliasMaximum: integer(0, 65_535, 100),
  maximumKeepAlive: integer(0, 65_535, 0),
  maximumSessionExpiry: integer(0, 0xffff_ffff, 86_400),
  connectTimeout: integer(1, 2 ** 31 - 1, 10_000),
  longClientIdentifiers: boolean(false),
  onEvent: func<OnEvent, OnEvent>(() => undefined),
  clock: object<Clock, Clock>(platform.clock),
} satisfies Record<keyof BrokerOptions, unknown>;

type Authenticate = NonNullable<BrokerOptions["authenticate"]>;
type OnEvent = NonNullable<BrokerOptions["onEvent"]>;

export type BrokerSettings = OptionsRead<typeof rules>;

const parsedOnes = new WeakSet<object>();

/** Whether `settings` came of parseBrokerOptions: JavaScript lets anybody call a private constructor. */
export function isParsed(settings: object | undefined): boolean {
  return settings !== undefined && parsedOnes.has(settings);
}

/** @throws UsageError OPTION_UNKNOWN or OPTION_INVALID */
export function parseBrokerOptions(options: BrokerOptions): BrokerSettings {
  assertObject(options);
  const given = readOptions(rules, options);
  const parsed = { ...given, onEvent: (event: BrokerEvent) => tell(given.onEvent, event) };
  parsedOnes.add(parsed);
  return parsed;
}

function shown(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  return typeof value === "object" && value !== null ? "{…}" : String(value);
}

/** An address, as other servers are told where to listen: a port, a host with or without one, a URL of these; or a path. */
const ADDRESS =
  /^(?:mqtts?:\/\/)?(?:(?<host>[\w.-]{1,255}|\[[\da-f:.]{2,45}\])(?::(?<port>\d{1,5}))?\/?|(?<path>\/[\w./-]{1,255}))$/i;

/** @throws UsageError OPTION_INVALID that says what to write. What may hold a password is not shown. */
function assertObject(options: unknown): void {
  if (typeof options === "object" && options !== null && !Array.isArray(options) && !(options instanceof URL)) return;
  const parts = typeof options === "string" || typeof options === "number" ? ADDRESS.exec(String(options)) : null;
  const what = parts !== null || options === null ? ` ${shown(options)}` : ` of type ${typeName(options)}`;
  const rule = `options${what}: must be an object: write Broker.listen(${toWrite(parts?.groups)})`;
  throw new UsageError("OPTION_INVALID", rule, { option: "options" });
}

function toWrite({ host, port, path }: Readonly<Record<string, string | undefined>> = {}): string {
  if (path !== undefined) return `{ path: "${path}" }`;
  const isPort = (text = ""): boolean => /^\d+$/.test(text) && Number(text) <= 65_535;
  if (host === undefined || /^\d+$/.test(host)) return `{ port: ${isPort(host) ? host : DEFAULT_PORT} }`;
  return `{ host: "${host.replaceAll(/[[\]]/g, "")}", port: ${isPort(port) ? port : DEFAULT_PORT} }`;
}

function typeName(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return value instanceof URL ? "URL" : typeof value;
}

/** @throws UsageError OPTION_INVALID */
function readOrigins(name: string, origins: unknown = []): readonly string[] {
  const wrong = (what: string, rule: string): UsageError =>
    new UsageError("OPTION_INVALID", `${name}${what}: ${rule}, as in ["https://app.example"]`, { option: name });
  if (!Array.isArray(origins)) throw wrong("", "must be a list of origins");
  for (const origin of origins) {
    if (origin === "*" || origin === "null") continue;
    const serialized = typeof origin === "string" ? serializedOrigin(origin) : undefined;
    if (serialized === undefined) throw wrong(` ${shown(origin)}`, "is not an origin; write scheme, host and port");
    if (serialized !== origin) throw wrong(` ${shown(origin)}`, `browsers send ${shown(serialized)}; write that`);
  }
  return origins;
}

const isPem = (value: unknown): boolean => typeof value === "string" || value instanceof Uint8Array;
const PEM = "must be PEM text, as a string or a Uint8Array";

// Values are not shown: they may be secret.
const pem = secret<Pem>(isPem, PEM);
const tlsObject = secret((value) => typeof value === "object" && value !== null, "must be { certificate, key }");

const tlsRules = {
  certificate: pem,
  key: pem,
  passphrase: secret<string>((value) => typeof value === "string", "must be a string"),
  clientCa: secret<Pem | readonly Pem[]>(
    (value) => isPem(value) || (Array.isArray(value) && value.length > 0 && value.every(isPem)),
    `${PEM}, or a list of such`,
  ),
} satisfies Record<keyof BrokerTls, unknown>;

function readTls(name: string, value: unknown): BrokerTls | undefined {
  if (tlsObject(name, value) === undefined) return undefined;
  const { certificate, key, passphrase, clientCa } = readOptions(tlsRules, value, "tls.");
  if (certificate === undefined) throw wrongOption("tls.certificate", PEM);
  if (key === undefined) throw wrongOption("tls.key", PEM);
  for (const authority of [clientCa ?? []].flat()) assertCertificates(authority);
  return { certificate, key, passphrase, clientCa };
}

/** Node passes over what is no certificate, and then nobody is let in. */
function assertCertificates(pem: Pem): void {
  const text = typeof pem === "string" ? pem : Buffer.from(pem).toString("latin1");
  const starts = [...text.matchAll(/-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----/g)].map(({ index }) => index);
  const unusable = (rule: string): UsageError => wrongOption("tls.clientCa", rule);
  if (starts.length === 0) throw unusable("holds no PEM certificate (is it a path? give the file's contents)");
  for (const start of starts) {
    try {
      new X509Certificate(text.slice(start)); // with what follows: its last line may be none
    } catch (error) {
      throw unusable(`holds a certificate that is damaged: ${(error as Error).message}`);
    }
  }
}

/** A listener that throws must not end the connection that the event is about. */
function tell(listener: (event: BrokerEvent) => void, event: BrokerEvent): void {
  try {
    listener(event);
  } catch {}
}
