/** What a user may say about a small client's connection, and the precise settings that come of it: parsed once, here. */

import type { ConnectOptions, WillOptions } from "../client/connect-options.js";
import type { ReconnectDelays } from "../client/reconnect-policy.js";
import { UsageError, type UsageErrorCode } from "../errors.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { NetworkOptions } from "../platform/network-options.js";
import type { Platform } from "../platform/platform.js";
import type { ServerAddress } from "../platform/transport.js";
import { type ConnectFields, connectPacket } from "./client-packets.js";
import type { SmallVersion } from "./packet-writer.js";
import { isTopicName } from "./topic-rules.js";

/** The whole client's options that the small one has, with the same meaning. */
export interface SmallOptions
  extends Pick<
    ConnectOptions,
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
  /** 5 (default) or 4 (3.1.1): the whole client finds out what the server takes, this one is told. */
  readonly protocolVersion?: SmallVersion | undefined;
  /** How much may wait to be sent; what goes beyond is rejected with OUTBOX_FULL. Default 100,000 messages, 64 MiB of packets. */
  readonly outbox?:
    | { readonly maximumCount?: number | undefined; readonly maximumBytes?: number | undefined }
    | undefined;
}

/** A server, with what its URL says of the user. */
export interface SmallServer {
  readonly address: ServerAddress;
  /** Its URL as it may stand in a message: without credentials or query. */
  readonly name: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

export interface SmallSettings
  extends ConnectFields,
    ReconnectDelays, // with no attempt at all where the user wants none
    Pick<SmallOptions, "credentials" | "dial" | "signal"> {
  readonly version: SmallVersion;
  readonly servers: readonly SmallServer[];
  readonly connectTimeout: number;
  /** What may wait to be sent. */
  readonly maximumCount: number;
  readonly maximumBytes: number;
  readonly network: NetworkOptions;
  /** Whether the session is of no use once this client is closed. */
  readonly endsWithClient: boolean;
  readonly timerLateness: Platform["timerLateness"];
}

/** Seconds that the server keeps the session for this client to come back. */
const COME_BACK = 3_600;
const FOR_EVER = 0xffff_ffff;
const LONGEST_TIMER = 2 ** 31 - 1;
/** QoS 1 and 2 messages that a server may send before they are handled. */
const RECEIVE_MAXIMUM = 1_000;

const NAMES =
  "clientId,cleanStart,keepAlive,username,password,credentials,will,connectTimeout,reconnect,webSocket,dial,properties,signal,platform,protocolVersion,outbox";

/** @throws UsageError */
export function parseSmallOptions(
  urls: string | readonly string[],
  options: SmallOptions,
  platform: Platform,
): SmallSettings {
  assertNames(options, NAMES);
  const { cleanStart = true, protocolVersion: version = 5, reconnect = {}, outbox = {}, will } = options;
  const { clientId = randomClientId(platform), webSocket } = options;
  const { keepAlive = 60, connectTimeout = 10_000, properties = {} } = options;
  const given = [urls].flat();
  const servers = (given.length > 0 ? given : [""]).map(parseSmallUrl);
  assertAmong([5, 4], { protocolVersion: version });
  assertAmong(BOOLEAN, { cleanStart });
  if (clientId === "" && version === 4 && !cleanStart)
    throw invalid("clientId", "must not be empty", "CLIENT_ID_INVALID"); // [MQTT-3.1.3-7]
  assertNames(reconnect || {}, "initialDelay,maximumDelay,maximumAttempts", "reconnect.");
  assertNames(outbox, "maximumCount,maximumBytes", "outbox.");
  const {
    initialDelay = 1_000,
    maximumDelay = 60_000,
    maximumAttempts = Infinity,
  } = reconnect || { maximumAttempts: 0 };
  const { maximumCount = 100_000, maximumBytes = 64 * 2 ** 20 } = outbox;
  assertIntegers(0, 0xffff, { keepAlive });
  assertIntegers(1, LONGEST_TIMER, { connectTimeout, initialDelay, maximumDelay, maximumCount, maximumBytes });
  const expiry = cleanStart ? (reconnect ? COME_BACK : undefined) : FOR_EVER;
  const { sessionExpiryInterval = expiry, receiveMaximum = RECEIVE_MAXIMUM } = properties;
  const fields: ConnectFields = {
    username: undefined,
    password: undefined,
    ...options,
    clientId,
    cleanStart,
    keepAlive,
    will: will && parseWill(will),
    properties: { ...properties, sessionExpiryInterval, receiveMaximum },
  };
  // What cannot be encoded is told now. A password may be meant for the user whom a URL names.
  connectPacket(version, { ...fields, username: fields.username ?? servers.find((each) => each.username)?.username });
  return {
    ...fields,
    version,
    servers,
    connectTimeout,
    initialDelay,
    maximumDelay,
    maximumAttempts,
    maximumCount,
    maximumBytes,
    network: { webSocket },
    timerLateness: platform.timerLateness,
    endsWithClient: cleanStart && properties.sessionExpiryInterval === undefined,
  };
}

function parseWill(will: WillOptions): ConnectFields["will"] {
  assertNames(will, "topic,payload,qos,retain,properties", "will.");
  const { topic, payload = "", qos = 0, retain = false, properties } = will;
  assertMessage("will.", topic, qos, retain);
  return { topic, payload: payload as Uint8Array, qos, retain, properties };
}

/** @throws UsageError */
export function assertMessage(prefix: string, topic: unknown, qos: unknown, retain: unknown): void {
  if (typeof topic !== "string" || !isTopicName(topic))
    throw invalid(`${prefix}topic`, "is not a valid topic name", "TOPIC_NAME_INVALID");
  assertAmong(QOS, { [`${prefix}qos`]: qos });
  assertAmong(BOOLEAN, { [`${prefix}retain`]: retain });
}

export const QOS: readonly unknown[] = [0, 1, 2];
export const BOOLEAN: readonly unknown[] = [true, false];

export function assertAmong(choices: readonly unknown[], values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values))
    if (!choices.includes(value)) throw invalid(name, `must be ${choices.join(" or ")}`);
}

/** A misspelt option is told, and not passed over: `{ QoS: 1 }` would be QoS 0. */
export function assertNames(options: object, names: string, prefix = ""): void {
  if (typeof options !== "object" || options === null)
    throw invalid(prefix.slice(0, -1) || "options", "must be an object");
  for (const name of Object.keys(options))
    if (!names.split(",").includes(name)) throw invalid(prefix + name, `is none of ${names}`, "OPTION_UNKNOWN");
}

function assertIntegers(least: number, most: number, values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values))
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most)
      throw invalid(name, `must be an integer, ${least} to ${most}`);
}

export function aborted(what: string, signal: AbortSignalLike | undefined): UsageError {
  return new UsageError("ABORTED", `${what}: aborted`, { cause: signal?.reason });
}

export function invalid(name: string, rule: string, code: UsageErrorCode = "OPTION_INVALID"): UsageError {
  return new UsageError(code, `${name}: ${rule}`);
}

/** Characters that every server must take, and no more than 23 [MQTT-3.1.3-5]. */
function randomClientId({ random }: Platform): string {
  return `aiko${random.next().toString(36).slice(2, 20)}`;
}

const PORTS = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443 };

/** @throws UsageError URL_INVALID */
function parseSmallUrl(url: string): SmallServer {
  try {
    const { protocol, hostname, port, pathname, search, username, password } = new URL(url);
    const scheme = protocol.slice(0, -1) as keyof typeof PORTS;
    const address = {
      scheme,
      host: hostname.replace(/[[\]]/g, ""),
      port: Number(port || PORTS[scheme]),
      path: scheme[0] === "w" ? pathname + search : "",
    };
    if (PORTS[scheme] && hostname && port !== "0")
      return {
        address,
        name: `${protocol}//${hostname}:${address.port}${address.path && pathname}`,
        username: decodeURIComponent(username) || undefined,
        password: decodeURIComponent(password) || undefined,
      };
  } catch {} // told below, without what may be a secret
  throw invalid("url", "must be like wss://host:port/path", "URL_INVALID");
}
