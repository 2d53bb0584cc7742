/** What a user may say about a connection, and the precise settings that come of it: parsed once, here. */

import { clientIdProblem } from "../codec/connect-coder.js";
import { encodeClientPacket } from "../codec/encode.js";
import type { ProtocolVersion, QoS, Will } from "../codec/packets.js";
import { type ConnectProperties, type WillProperties, withoutUndefined } from "../codec/properties.js";
import { assertPayload } from "../codec/publish-coder.js";
import { UsageError } from "../errors.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { NetworkOptions, TlsOptions, TlsProvider } from "../platform/network-options.js";
import type { Platform } from "../platform/platform.js";
import type { Random } from "../platform/random.js";
import type { Store } from "../platform/store.js";
import { utf8Bytes } from "../platform/text.js";
import type { Dial } from "../platform/transport.js";
import type { OutboxBounds, OutboxPolicy } from "../session/outbox.js";
import { shownValue } from "../topic/shown-value.js";
import { topicNameProblem } from "../topic/topic-name.js";
import { assertSignal } from "./abort-source.js";
import type { AuthenticationOptions } from "./authenticator.js";
import { type NetworkSettings, parseNetworkOptions } from "./network-settings.js";
import type { ReconnectOptions } from "./reconnect-policy.js";
import { assertFunction, assertObject, invalidOption, unknownOption } from "./wrong-option.js";

/** What a user gives of `Settings`: any of it, and undefined stands for the default. */
export type PartialOptions<Settings> = { readonly [Name in keyof Settings]?: Settings[Name] | undefined };

export interface Credentials {
  readonly username?: string | undefined;
  readonly password?: string | Uint8Array | undefined;
}

export type ServerReferencePolicy = "without-credentials" | "follow" | "ignore";

/** @param server the URL of the server they are for, without credentials */
export type CredentialsProvider = (server: string) => Credentials | Promise<Credentials>;

export interface WillOptions {
  readonly topic: string;
  readonly payload?: string | Uint8Array | undefined;
  /** Default 0. */
  readonly qos?: QoS | undefined;
  /** Default false. */
  readonly retain?: boolean | undefined;
  /** MQTT 5. */
  readonly properties?: WillProperties | undefined;
}

export type { OutboxCounts, OutboxPolicy } from "../session/outbox.js";

export interface OutboxOptions {
  /** Messages. Default 100,000. */
  readonly maximumCount?: number | undefined;
  /** Bytes of topics, payloads and properties. Default 64 MiB. */
  readonly maximumBytes?: number | undefined;
  /**
   * Milliseconds that a message may wait unsent, also across restarts with a store; then it is MESSAGE_EXPIRED. Default: as long
   * as it takes, since count and bytes bound what waits.
   */
  readonly maximumAge?: number | undefined;
  /**
   * What happens at a bound. "reject" (default): `publish` rejects with OUTBOX_FULL. "drop-newest": the same, with OUTBOX_DROPPED.
   * "drop-oldest": those that have waited longest are dropped, with OUTBOX_DROPPED. "keep-latest": at any time a message takes the
   * place of the one that waits for the same topic, which is OUTBOX_REPLACED; at a bound OUTBOX_FULL. Messages that were sent
   * already are never dropped. With a policy other than "reject", what is dropped rejects its promise, but ends no process that
   * does not handle the rejection.
   */
  readonly policy?: OutboxPolicy | undefined;
  /** Whether QoS 0 messages wait for a connection, or are dropped, with OUTBOX_DROPPED, where there is none. Default "queue". */
  readonly qos0?: "queue" | "drop" | undefined;
  /**
   * What happens to a QoS 2 message that was sent and not acknowledged when the server lost the session, so that it may have arrived.
   * "reject": its promise rejects with SESSION_LOST. "resend": it is sent again, and may arrive twice: at least once instead of at most
   * once. Default "reject".
   */
  readonly sessionLost?: "reject" | "resend" | undefined;
}

export interface ConnectOptions extends Omit<NetworkOptions, "tls"> {
  /** 1–23 characters are sure to be taken by every server. Default: one made at random, the same for the client's life. */
  readonly clientId?: string | undefined;
  /** 5, 4 (3.1.1), 3 (3.1), or "auto" (default): 5, falling back to what the server takes. */
  readonly protocolVersion?: ProtocolVersion | "auto" | undefined;
  /**
   * Whether a session that the server still holds from earlier is thrown away at the first connection. Default true, with a
   * store false. On MQTT 5 the session made then lasts across lost connections; on 3.1 and 3.1.1 a clean session ends with each.
   */
  readonly cleanStart?: boolean | undefined;
  /** Seconds, 0 … 65,535; 0 switches it off. Default 60. */
  readonly keepAlive?: number | undefined;
  readonly username?: string | undefined;
  readonly password?: string | Uint8Array | undefined;
  /** Asked for user name and password at each attempt, instead of `username` and `password`: for tokens that expire. */
  readonly credentials?: CredentialsProvider | undefined;
  /** What the server publishes if this client goes without saying goodbye. */
  readonly will?: WillOptions | undefined;
  /** Milliseconds that one attempt may take, from dialling to CONNACK. Default 10,000. */
  readonly connectTimeout?: number | undefined;
  /** How a lost connection is taken up again, or false: not at all. */
  readonly reconnect?: false | PartialOptions<ReconnectOptions> | undefined;
  /** Where the session is kept beyond the process. Default: nowhere; it then lives as long as the client. */
  readonly store?: Store | undefined;
  /** How much may wait to be sent, and what happens to the rest. */
  readonly outbox?: OutboxOptions | undefined;
  /**
   * How many QoS 1 and 2 messages may be on their way unacknowledged, 1 … 65,535. On MQTT 5 the server says what it takes, and
   * the default is that. MQTT 3.1 and 3.1.1 servers cannot say it: the default is 65,535, of which 19 at QoS 2, because mosquitto, unless it is told
   * otherwise, acknowledges and drops what goes beyond 20, also at QoS 1.
   */
  readonly maximumInflight?: number | undefined;
  /**
   * Milliseconds, 1 … 2,147,483,647, that the server may leave a message unacknowledged while it answers otherwise. Then the connection
   * is ended, ANSWER_TIMEOUT, and the message sent again over the next. Looked at when the keep-alive is, so that it may take a
   * keep-alive or two longer; not with `keepAlive` 0. Default 300,000.
   */
  readonly acknowledgeTimeout?: number | undefined;
  /** How much may wait for handlers and iterators before reading from the network stops. Default 1,000 messages, 4 MiB. */
  readonly inbox?: PartialOptions<Bounds> | undefined;
  /** For `mqtts:` and `wss:`; a function is asked at each attempt, so that renewed certificates and keys are read again. */
  readonly tls?: TlsOptions | TlsProvider | undefined;
  /** Opens network connections instead of the runtime's own way: for anything else that gets a byte through. */
  readonly dial?: Dial | undefined;
  /**
   * The properties of CONNECT on MQTT 5. `maximumPacketSize` holds on every version: a server that sends a longer packet is disconnected.
   * Default 67,108,864 bytes, at most 268,435,460. Servers do not send MQTT 5 clients a message that would be longer.
   */
  readonly properties?: ConnectProperties | undefined;
  /**
   * Whether SUBSCRIBE names a Subscription Identifier where the server offers them (MQTT 5), so that the server says which subscription a
   * message is for. Default true. Set false for a server that offers them and does not keep them right.
   */
  readonly subscriptionIdentifiers?: boolean | undefined;
  /**
   * Which servers the client connects to when a server refers it to others (0x9C "Use another server" and 0x9D "Server moved" on MQTT 5).
   *
   * - "without-credentials" (default): any, if this client has no credentials: no user name or password, in the URL or as an option, no
   *   `credentials`, no `authentication` and no `webSocket.headers`. If it has, only those that are in its own list of URLs.
   * - "follow": any. They are given the same credentials and headers as the server that refers to them.
   * - "ignore": none.
   *
   * The default follows to where nothing can be stolen, because a server, or an attacker in its place, may name any host: with the
   * password it would be spread to hosts that the user never named, and without the password most of them would refuse the client.
   *
   * Of each reference the first eight names count, as many are tried in one round of attempts, and over MQTT 5 only. A name is a host
   * with or without a port, with the scheme of the server that gives it: never a path and never a Unix socket. The servers of the
   * client's own list are tried in each round, also after 0x9D.
   */
  readonly serverReference?: ServerReferencePolicy | undefined;
  /** Enhanced authentication; then MQTT 5 is the only version tried. */
  readonly authentication?: AuthenticationOptions | undefined;
  /** Ends the first connection attempt. */
  readonly signal?: AbortSignalLike | undefined;
  /** Clock, randomness and network instead of the runtime's own: for tests and for engines that have none. */
  readonly platform?: Platform | undefined;
}

export interface Bounds {
  readonly maximumCount: number;
  readonly maximumBytes: number;
}

export interface ClientSettings {
  readonly clientId: string;
  /** The versions to try, in order. */
  readonly versions: readonly ProtocolVersion[];
  readonly cleanStart: boolean;
  readonly keepAlive: number;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
  readonly credentials: CredentialsProvider | undefined;
  readonly will: Will | undefined;
  readonly connectTimeout: number;
  readonly reconnect: ReconnectOptions | undefined;
  readonly store: Store | undefined;
  readonly outbox: OutboxBounds;
  readonly maximumInflight: number | undefined;
  readonly acknowledgeTimeout: number;
  readonly inbox: Bounds;
  /** How many unacknowledged messages are taken from a server that does not keep the receive maximum. */
  readonly tolerated: number;
  readonly network: NetworkSettings;
  readonly dial: Dial | undefined;
  /** What CONNECT says: the maximum packet size only if it is below the protocol's own. */
  readonly properties: ConnectProperties;
  readonly maximumPacketSize: number;
  readonly authentication: AuthenticationOptions | undefined;
  readonly subscriptionIdentifiers: boolean;
  readonly serverReference: ServerReferencePolicy;
  /** True if the session is to end when the client says goodbye, although it outlasts lost connections. */
  readonly endsWithClient: boolean;
  /** By how many milliseconds the platform's timers may come late at present. */
  readonly timerLateness: (() => number) | undefined;
}

const known: ReadonlySet<string> = new Set<keyof ConnectOptions>([
  "clientId",
  "protocolVersion",
  "cleanStart",
  "keepAlive",
  "username",
  "password",
  "credentials",
  "will",
  "connectTimeout",
  "reconnect",
  "store",
  "outbox",
  "maximumInflight",
  "acknowledgeTimeout",
  "inbox",
  "tls",
  "webSocket",
  "proxy",
  "localAddress",
  "dial",
  "properties",
  "subscriptionIdentifiers",
  "serverReference",
  "authentication",
  "signal",
  "platform",
]);

/** What of the options CONNECT says, and may be unable to say. */
const SAID = ["clientId", "username", "password", "will", "properties", "authentication"] as const;

/** Seconds for which a server is asked to hold the session of a client that means to come back. */
/** Bytes of the longest packet that a server may send. */
export const MAXIMUM_PACKET_SIZE = 67_108_864;
const PROTOCOL_MAXIMUM = 268_435_460;
const COME_BACK = 3_600;
const FOR_EVER = 0xffff_ffff;

/**
 * @param urlHasUsername whether the server's URL names a user, for whom `password` may be meant
 * @throws UsageError OPTION_UNKNOWN, OPTION_INVALID, CLIENT_ID_INVALID, TOPIC_NAME_INVALID or PAYLOAD_INVALID
 */
export function parseConnectOptions(
  options: ConnectOptions,
  platform: Platform,
  urlHasUsername = false,
): ClientSettings {
  assertKnown(options, known);
  if (options.store !== undefined && options.clientId === undefined) {
    throw new UsageError("OPTION_INVALID", "store: needs a clientId, by which the session is found again");
  }
  for (const name of ["will", "store", "outbox", "inbox", "properties", "authentication", "platform"] as const) {
    if (options[name] !== undefined) assertObject(name, options[name]);
  }
  assertSignal(options.signal);
  const cleanStart = boolean("cleanStart", options.cleanStart, options.store === undefined);
  const clientId = options.clientId ?? randomClientId(platform.random);
  if (typeof clientId !== "string") throw invalidOption("clientId", clientId, "must be a string");
  const { authentication } = options;
  if (authentication !== undefined) checkAuthentication(authentication, options.protocolVersion);
  const asked = authentication === undefined ? (options.protocolVersion ?? "auto") : 5;
  const versions = protocolVersions(asked, clientId, cleanStart);
  const password = typeof options.password === "string" ? bytesOf(options.password, "password") : options.password;
  if (password !== undefined && !(password instanceof Uint8Array)) {
    throw new UsageError("OPTION_INVALID", "password: must be a string or a Uint8Array");
  }
  const named = options.username !== undefined || urlHasUsername;
  if (password !== undefined && !named && options.protocolVersion !== 5) {
    throw new UsageError("OPTION_INVALID", "password: needs a username, except with protocolVersion 5 [MQTT-3.1.2-22]");
  }
  if (options.credentials !== undefined) assertFunction("credentials", options.credentials);
  if (options.credentials !== undefined && (options.username ?? options.password) !== undefined) {
    throw new UsageError("OPTION_INVALID", "credentials: cannot stand beside username or password");
  }
  if (options.dial !== undefined) assertFunction("dial", options.dial);
  const username: unknown = options.username;
  if (username !== undefined && typeof username !== "string")
    throw invalidOption("username", username, "must be a string");
  if (options.reconnect !== undefined && options.reconnect !== false && typeof options.reconnect !== "object") {
    throw invalidOption("reconnect", options.reconnect, "must be false, or an object of delays");
  }
  const reconnect = options.reconnect === false ? undefined : reconnectDelays(options.reconnect);
  const chosen = options.properties?.sessionExpiryInterval !== undefined;
  const kept = cleanStart ? (reconnect === undefined ? undefined : COME_BACK) : FOR_EVER;
  const inbox = inboxBounds(options.inbox);
  const settings: ClientSettings = {
    clientId,
    versions,
    cleanStart,
    keepAlive: integer("keepAlive", options.keepAlive, 60, 0, 65_535),
    username: options.username,
    password,
    credentials: options.credentials,
    will: options.will === undefined ? undefined : parseWill(options.will),
    connectTimeout: integer("connectTimeout", options.connectTimeout, 10_000, 1, 2 ** 31 - 1),
    reconnect,
    store: options.store,
    outbox: outboxBounds(options.outbox),
    maximumInflight:
      options.maximumInflight === undefined
        ? undefined
        : integer("maximumInflight", options.maximumInflight, 65_535, 1, 65_535),
    acknowledgeTimeout: integer("acknowledgeTimeout", options.acknowledgeTimeout, 300_000, 1, 2 ** 31 - 1),
    inbox,
    tolerated: inbox.maximumCount,
    network: parseNetworkOptions(options),
    dial: options.dial,
    authentication,
    subscriptionIdentifiers: boolean("subscriptionIdentifiers", options.subscriptionIdentifiers, true),
    serverReference: referencePolicy(options.serverReference),
    properties: connectProperties(options.properties, chosen ? undefined : kept),
    maximumPacketSize: options.properties?.maximumPacketSize ?? MAXIMUM_PACKET_SIZE,
    endsWithClient: !chosen && cleanStart && kept !== undefined,
    timerLateness: platform.timerLateness,
  };
  if (SAID.some((name) => options[name] !== undefined))
    assertConnect(settings, versions[0] as ProtocolVersion, urlHasUsername);
  return settings;
}

/**
 * What cannot be encoded is told now, and not when a connection is there to say it over. The first version to try has all rules of the
 * others: of those that a client identifier breaks, `versions` is free.
 */
function assertConnect(settings: ClientSettings, version: ProtocolVersion, urlHasUsername: boolean): void {
  const { clientId, cleanStart, keepAlive, will, username, password } = settings;
  const authenticationMethod = settings.authentication?.method;
  const properties =
    authenticationMethod === undefined ? settings.properties : { ...settings.properties, authenticationMethod };
  encodeClientPacket(
    {
      type: "connect",
      protocolVersion: version,
      clientId,
      cleanStart,
      keepAlive,
      will,
      username: username ?? (urlHasUsername ? "" : undefined),
      password,
      properties: version === 5 ? properties : undefined,
    },
    version,
  );
}

const LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz";

/** 20 characters that every server must take [MQTT-3.1.3-5]. */
function randomClientId(random: Random): string {
  let id = "aiko";
  while (id.length < 20) id += LETTERS[Math.floor(random.next() * LETTERS.length)];
  return id;
}

const ALL_VERSIONS = [5, 4, 3] as const;
const ONE_VERSION = { 3: [3], 4: [4], 5: [5] } as const;

function protocolVersions(asked: unknown, clientId: string, cleanStart: boolean): readonly ProtocolVersion[] {
  if (asked === "auto") {
    const possible = ALL_VERSIONS.filter((version) => !clientIdProblem(version, clientId, cleanStart));
    return possible.length === ALL_VERSIONS.length ? ALL_VERSIONS : possible;
  }
  if (asked !== 3 && asked !== 4 && asked !== 5)
    throw invalidOption("protocolVersion", asked, 'must be the number 3, 4 or 5, or "auto"');
  const problem = clientIdProblem(asked, clientId, cleanStart);
  if (problem) throw new UsageError("CLIENT_ID_INVALID", `clientId ${shownValue(clientId)} ${problem}`);
  return ONE_VERSION[asked];
}

function checkAuthentication(authentication: AuthenticationOptions, protocolVersion: unknown): void {
  if (typeof authentication?.method !== "string" || typeof authentication.respond !== "function") {
    throw invalidOption("authentication", authentication, "must have a method's name and a function respond");
  }
  if (protocolVersion !== undefined && protocolVersion !== 5 && protocolVersion !== "auto") {
    throw invalidOption(
      "authentication",
      authentication.method,
      `needs MQTT 5, not protocolVersion ${shownValue(protocolVersion)}`,
    );
  }
}

const knownOfWill: ReadonlySet<string> = new Set<keyof WillOptions>([
  "topic",
  "payload",
  "qos",
  "retain",
  "properties",
]);

function parseWill(will: WillOptions): Will {
  assertKnown(will, knownOfWill, "will.");
  const { topic, payload = "", qos = 0, retain = false, properties } = will;
  const problem = typeof topic === "string" ? topicNameProblem(topic) : "must be a string";
  if (problem) throw new UsageError("TOPIC_NAME_INVALID", `will.topic ${shownValue(topic)}: ${problem}`);
  assertPayload(payload, "will.payload");
  assertQoS("will.qos", qos);
  const bytes = typeof payload === "string" ? bytesOf(payload, "will.payload") : payload;
  if (bytes.length > 65_535) {
    throw new UsageError("OPTION_INVALID", `will.payload ${bytes.length} bytes: must have at most 65,535 bytes`);
  }
  return { topic, payload: bytes, qos, retain: boolean("will.retain", retain, false), properties };
}

// Defaults are objects that clients share: thousands in one process most often have the same.

const PROPERTIES: ConnectProperties = {
  sessionExpiryInterval: COME_BACK,
  maximumPacketSize: MAXIMUM_PACKET_SIZE,
};

function connectProperties(
  given: ConnectProperties = {},
  sessionExpiryInterval: number | undefined,
): ConnectProperties {
  if (sessionExpiryInterval === COME_BACK && Object.keys(given).length === 0) return PROPERTIES;
  const all = { ...withoutUndefined({ sessionExpiryInterval }), ...withoutUndefined(given) };
  const { maximumPacketSize = MAXIMUM_PACKET_SIZE, ...others } = all;
  return maximumPacketSize === PROTOCOL_MAXIMUM ? others : { ...others, maximumPacketSize };
}

const DELAYS: ReconnectOptions = {
  initialDelay: 1_000,
  maximumDelay: 60_000,
  maximumAttempts: Infinity,
  maximumRefusal: 86_400_000,
};
const DELAY_OPTIONS: ReadonlySet<string> = new Set(Object.keys(DELAYS));

function reconnectDelays(delays: PartialOptions<ReconnectOptions> | undefined): ReconnectOptions {
  if (delays === undefined) return DELAYS;
  assertKnown(delays, DELAY_OPTIONS, "reconnect.");
  const initialDelay = integer("reconnect.initialDelay", delays.initialDelay, DELAYS.initialDelay, 1, 2 ** 31 - 1);
  const longest = 2 ** 31 - 1;
  const maximumDelay = integer(
    "reconnect.maximumDelay",
    delays.maximumDelay,
    DELAYS.maximumDelay,
    initialDelay,
    longest,
  );
  const maximumAttempts = delays.maximumAttempts ?? DELAYS.maximumAttempts;
  if (typeof maximumAttempts !== "number" || !(maximumAttempts >= 1)) {
    throw invalidOption("reconnect.maximumAttempts", maximumAttempts, "must be a number of at least 1");
  }
  const maximumRefusal = delays.maximumRefusal ?? DELAYS.maximumRefusal;
  if (typeof maximumRefusal !== "number" || !(maximumRefusal >= 0)) {
    throw invalidOption("reconnect.maximumRefusal", maximumRefusal, "must be a number of at least 0 milliseconds");
  }
  return { initialDelay, maximumDelay, maximumAttempts, maximumRefusal };
}

const REFERENCE_POLICIES: readonly ServerReferencePolicy[] = ["without-credentials", "follow", "ignore"];

function referencePolicy(given: ServerReferencePolicy = "without-credentials"): ServerReferencePolicy {
  if (REFERENCE_POLICIES.includes(given)) return given;
  throw invalidOption("serverReference", given, `must be one of ${REFERENCE_POLICIES.join(", ")}`);
}

const INBOX: Bounds = { maximumCount: 1_000, maximumBytes: 4 * 2 ** 20 };
const INBOX_OPTIONS: ReadonlySet<string> = new Set(Object.keys(INBOX));

function inboxBounds(given: PartialOptions<Bounds> | undefined): Bounds {
  if (given === undefined) return INBOX;
  assertKnown(given, INBOX_OPTIONS, "inbox.");
  const upTo = (name: keyof Bounds): number =>
    integer(`inbox.${name}`, given[name], INBOX[name], 1, Number.MAX_SAFE_INTEGER);
  return { maximumCount: upTo("maximumCount"), maximumBytes: upTo("maximumBytes") };
}

const POLICIES: readonly unknown[] = ["reject", "drop-oldest", "drop-newest", "keep-latest"] satisfies OutboxPolicy[];

const OUTBOX = {
  maximumCount: 100_000,
  maximumBytes: 64 * 2 ** 20,
  maximumAge: Infinity,
  policy: "reject",
  qos0: "queue",
  sessionLost: "reject",
} as const satisfies OutboxBounds;
const OUTBOX_OPTIONS: ReadonlySet<string> = new Set(Object.keys(OUTBOX));

function outboxBounds(options: OutboxOptions | undefined): OutboxBounds {
  if (options === undefined) return OUTBOX;
  assertKnown(options, OUTBOX_OPTIONS, "outbox.");
  const { policy = OUTBOX.policy, qos0 = OUTBOX.qos0, sessionLost = OUTBOX.sessionLost } = options;
  if (!POLICIES.includes(policy)) throw invalidOption("outbox.policy", policy, `must be one of ${POLICIES.join(", ")}`);
  if (qos0 !== "queue" && qos0 !== "drop") throw invalidOption("outbox.qos0", qos0, 'must be "queue" or "drop"');
  if (sessionLost !== "reject" && sessionLost !== "resend")
    throw invalidOption("outbox.sessionLost", sessionLost, 'must be "reject" or "resend"');
  const upTo = (name: "maximumCount" | "maximumBytes" | "maximumAge"): number =>
    integer(`outbox.${name}`, options[name], OUTBOX[name], 1, Number.MAX_SAFE_INTEGER);
  return {
    maximumCount: upTo("maximumCount"),
    maximumBytes: upTo("maximumBytes"),
    maximumAge: upTo("maximumAge"),
    policy,
    qos0,
    sessionLost,
  };
}

/** @throws UsageError OPTION_INVALID */
export function assertQoS(name: string, value: unknown): asserts value is QoS {
  if (value !== 0 && value !== 1 && value !== 2) throw invalidOption(name, value, "must be the number 0, 1 or 2");
}

/**
 * A misspelt option is told, and not passed over: `{ QoS: 1 }` would be QoS 0.
 *
 * @throws UsageError OPTION_UNKNOWN
 */
export function assertKnown(options: object, names: ReadonlySet<string>, prefix = ""): void {
  assertObject(prefix === "" ? "options" : prefix.slice(0, -1), options);
  for (const name in options) {
    if (!names.has(name)) throw unknownOption(name, names, prefix);
  }
}

/** @throws UsageError OPTION_INVALID */
export function integer(name: string, value: unknown, otherwise: number, minimum: number, maximum: number): number {
  if (value === undefined) return otherwise;
  if (typeof value === "number" && Number.isInteger(value) && value >= minimum && value <= maximum) return value;
  const type = typeof value === "number" ? "" : "a number, ";
  throw invalidOption(name, value, `must be ${type}an integer from ${minimum} to ${maximum}`);
}

/** @throws UsageError OPTION_INVALID: `"false"` would be true */
export function assertBoolean(name: string, value: unknown): asserts value is boolean {
  if (typeof value !== "boolean") throw invalidOption(name, value, "must be the boolean true or false");
}

function boolean(name: string, value: unknown, otherwise: boolean): boolean {
  if (value === undefined) return otherwise;
  assertBoolean(name, value);
  return value;
}

function bytesOf(text: string, field: string): Uint8Array {
  assertPayload(text, field);
  return utf8Bytes(text);
}
