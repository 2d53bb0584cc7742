/**
 * The options of a small client's connection, and the precise settings that they become. They are parsed once, here.
 */

import type { ConnectOptions, CredentialsProvider, WillOptions } from "../client/connect-options.js";
import type { ReconnectDelays } from "../client/connecting/reconnect-policy.js";
import type { ConnectProperties } from "../codec/properties.js";
import { AbortedError } from "../errors.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { Platform } from "../platform/platform.js";
import type { ServerAddress } from "../platform/transport.js";
import { type ConnectFields, connectPacket } from "./client-packets.js";
import { invalid, type SmallVersion } from "./packet-writer.js";
import { isTopicName } from "./topic-rules.js";

/** Options of the small client. Those of the full client have the same meaning. */
export interface SmallOptions<Provider extends CredentialsProvider | undefined = CredentialsProvider | undefined>
  extends Pick<
    ConnectOptions<Provider>,
    | "clientId"
    | "cleanStart"
    | "keepAlive"
    | "username"
    | "password"
    | "credentials"
    | "will"
    | "connectTimeout"
    | "reconnect"
    | "webSocket"
    | "dial"
    | "properties"
    | "signal"
    | "platform"
  > {
  /** 5 (default) or 4 (3.1.1). Unlike the full client, the small client does not fall back to an earlier version. */
  readonly protocolVersion?: SmallVersion | undefined;
  /**
   * Limits of the queue of messages that wait to be sent. Messages beyond are rejected with OUTBOX_FULL. Default
   * 100,000 messages, 67,108,864 bytes (64 MiB) of packets.
   */
  readonly outbox?:
    | { readonly maximumCount?: number | undefined; readonly maximumBytes?: number | undefined }
    | undefined;
}

/** A server, with the user name and password of its URL. */
export interface SmallServer {
  readonly address: ServerAddress;
  /** Its URL for messages: without credentials and query. */
  readonly name: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** The identifier that this server assigned to a client without one. Other servers do not know it. */
  clientId?: string | undefined;
}

export interface SmallSettings
  extends ConnectFields,
    ReconnectDelays, // 0 attempts if the user wants none
    Pick<SmallOptions, "credentials" | "dial" | "signal" | "webSocket"> {
  readonly properties: ConnectProperties & { readonly maximumPacketSize: number };
  readonly version: SmallVersion;
  readonly servers: SmallServer[];
  readonly connectTimeout: number;
  /** The limits of the queue. */
  readonly maximumCount: number;
  readonly maximumBytes: number;
  /** Whether the session is not needed after this client is closed. */
  readonly endsWithClient: boolean;
  readonly timerLateness: Platform["timerLateness"];
}

/** Seconds that the server keeps the session of a disconnected client. */
const COME_BACK = 3_600;
const FOR_EVER = 0xffff_ffff;
export const LONGEST_TIMER = 2 ** 31 - 1;
/** The most unacknowledged QoS 1 and 2 messages that a server may send. */
const RECEIVE_MAXIMUM = 1_000;

/** @throws UsageError */
export function parseSmallOptions(
  urls: string | readonly string[],
  options: SmallOptions,
  platform: Platform,
): SmallSettings {
  const fields = withDefaults(options, {
    clientId: randomClientId(platform),
    cleanStart: true,
    keepAlive: 60,
    username: undefined,
    password: undefined,
    credentials: undefined,
    will: undefined,
    connectTimeout: 10_000,
    reconnect: {},
    webSocket: undefined,
    dial: undefined,
    properties: {},
    signal: undefined,
    platform: undefined,
    protocolVersion: 5,
    outbox: {},
  });
  const { clientId, cleanStart, keepAlive, username, connectTimeout, reconnect, properties } = fields;
  const { protocolVersion: version } = fields;
  const servers = listOf(urls).map(parseSmallUrl);
  assertAmong([5, 4], { protocolVersion: version });
  assertAmong(BOOLEAN, { cleanStart });
  if (clientId === "" && version === 4 && !cleanStart)
    throw invalid("clientId", "must not be empty", "CLIENT_ID_INVALID"); // [MQTT-3.1.3-7]
  const maximumAttempts = reconnect ? Infinity : 0;
  const wished: { readonly [Name in keyof ReconnectDelays]?: number | undefined } = reconnect || {};
  const delays = withDefaults(wished, { initialDelay: 1_000, maximumDelay: 60_000, maximumAttempts }, "reconnect.");
  const room = withDefaults(fields.outbox, { maximumCount: 100_000, maximumBytes: 64 * 2 ** 20 }, "outbox.");
  assertIntegers(0, 0xffff, { keepAlive });
  assertIntegers(1, LONGEST_TIMER, { connectTimeout, ...delays, maximumAttempts: 1, ...room });
  const expiry = cleanStart ? (reconnect ? COME_BACK : undefined) : version === 5 ? FOR_EVER : COME_BACK;
  const { sessionExpiryInterval = expiry, receiveMaximum = RECEIVE_MAXIMUM, maximumPacketSize = 2 ** 26 } = properties;
  const settings: SmallSettings = {
    ...fields,
    ...delays,
    ...room,
    version,
    servers,
    will: fields.will && parseWill(fields.will),
    properties: { ...properties, sessionExpiryInterval, receiveMaximum, maximumPacketSize },
    timerLateness: platform.timerLateness,
    endsWithClient: cleanStart && properties.sessionExpiryInterval === undefined,
  };
  // Rejects values that cannot be encoded. A password may belong to the user name in a URL.
  connectPacket(version, { ...settings, username: username ?? servers.find((each) => each.username)?.username });
  return settings;
}

function parseWill(will: WillOptions): ConnectFields["will"] {
  const parsed = withDefaults(will, { topic: "", payload: "", qos: 0, retain: false, properties: undefined }, "will.");
  assertMessage("will.", parsed.topic, parsed.qos, parsed.retain);
  return parsed as ConnectFields["will"];
}

/** Returns the items. An empty list becomes one item that is never valid. */
export function listOf(items: string | readonly string[]): readonly string[] {
  const list = [items].flat();
  return list.length > 0 ? list : [""];
}

/** @throws UsageError */
export function assertMessage(prefix: string, topic: unknown, qos: unknown, retain: unknown): void {
  if (typeof topic !== "string" || !isTopicName(topic))
    throw invalid(`${prefix}topic`, "not allowed", "TOPIC_NAME_INVALID");
  assertAmong(QOS, { [`${prefix}qos`]: qos });
  assertAmong(BOOLEAN, { [`${prefix}retain`]: retain });
}

export const QOS: readonly unknown[] = [0, 1, 2];
export const BOOLEAN: readonly unknown[] = [true, false];

export function assertAmong(choices: readonly unknown[], values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values))
    if (!choices.includes(value)) throw invalid(name, `must be ${choices.join(" or ")}`);
}

/** The type that `withDefaults` returns: an option whose default is not undefined is present. */
type Complete<Options, Defaults> = {
  readonly [Name in keyof Options]-?: Name extends keyof Defaults
    ? Defaults[Name] extends undefined
      ? Options[Name]
      : Exclude<Options[Name], undefined>
    : never;
};

/**
 * Returns the options, with defaults for those that are not given. An unknown option is an error: a misspelt `{ QoS: 1
 * }` would otherwise mean QoS 0.
 *
 * @throws UsageError
 */
export function withDefaults<Options extends object, Defaults extends Record<keyof Options, unknown>>(
  options: Options,
  defaults: Defaults,
  prefix = "",
): Complete<Options, Defaults> {
  if (typeof options !== "object" || options === null)
    throw invalid(prefix.slice(0, -1) || "options", "must be an object");
  const names = Object.keys(defaults) as (keyof Options & string)[];
  for (const name of Object.keys(options))
    if (!names.includes(name as (typeof names)[number]))
      throw invalid(prefix + name, `not one of ${names}`, "OPTION_UNKNOWN");
  const entries = names.map((name) => [name, options[name] === undefined ? defaults[name] : options[name]]);
  return Object.fromEntries(entries) as Complete<Options, Defaults>;
}

function assertIntegers(least: number, most: number, values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values))
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most)
      throw invalid(name, `must be an integer, ${least} to ${most}`);
}

/** Calls back when the signal fires; immediately if it has fired. Returns a function that removes the listener. */
export function onAbort(signal: AbortSignalLike | undefined, callback: (error: AbortedError) => void): () => void {
  const abort = (): void => callback(new AbortedError("ABORTED", "aborted", { cause: signal?.reason }));
  signal?.addEventListener("abort", abort);
  if (signal?.aborted) abort();
  return () => signal?.removeEventListener("abort", abort);
}

/** Makes an identifier that every server must accept: at most 23 letters and digits [MQTT-3.1.3-5]. */
function randomClientId({ random }: Platform): string {
  return `aiko${random.next().toString(36).slice(2, 20)}`;
}

const PORTS = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443, unix: 0 };
/** The scheme names of other clients. */
const ALIASES: Readonly<Record<string, keyof typeof PORTS>> = { tcp: "mqtt", ssl: "mqtts", tls: "mqtts" };

/** @throws UsageError URL_INVALID */
function parseSmallUrl(url: string): SmallServer {
  try {
    const { protocol, hostname, port, pathname, search, username, password } = new URL(url);
    const named = protocol.slice(0, -1) as keyof typeof PORTS;
    const scheme = ALIASES[named] ?? named;
    const isUnix = scheme === "unix";
    const address = {
      scheme,
      host: isUnix ? decodeURIComponent(pathname) : hostname.replace(/[[\]]/g, ""),
      port: Number(port || PORTS[scheme]),
      path: scheme[0] === "w" ? pathname + search : "",
    };
    if (isUnix ? pathname[1] && !hostname : PORTS[scheme] && hostname && port !== "0")
      return {
        address,
        name: isUnix ? `unix:${pathname}` : `${scheme}://${hostname}:${address.port}${address.path && pathname}`,
        username: decodeURIComponent(username) || undefined,
        password: decodeURIComponent(password) || undefined,
      };
  } catch {} // reported below, without possible secrets
  throw invalid("url", "must be wss://host/path", "URL_INVALID");
}
