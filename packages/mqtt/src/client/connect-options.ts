/** What a user may say about a connection, and the precise settings that come of it: parsed once, here. */

import { clientIdProblem } from "../codec/connect-coder.js";
import { encodeClientPacket } from "../codec/encode.js";
import type { ProtocolVersion, QoS, Will } from "../codec/packets.js";
import { type ConnectProperties, type WillProperties, withoutUndefined } from "../codec/properties.js";
import { assertPayload } from "../codec/publish-coder.js";
import { UsageError } from "../errors.js";
import { invalidOption, wrongOption } from "../options/option-error.js";
import {
  anything,
  boolean,
  func,
  group,
  holds,
  integer,
  object,
  oneOf,
  type Rule,
  readOptions,
  secret,
  text,
} from "../options/option-rules.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { NetworkOptions, TlsOptions, TlsProvider } from "../platform/network-options.js";
import type { Platform } from "../platform/platform.js";
import type { Random } from "../platform/random.js";
import type { Store } from "../platform/store.js";
import { utf8Bytes } from "../platform/text.js";
import type { Dial } from "../platform/transport.js";
import type { OutboxBounds, OutboxPolicy } from "../session/outgoing/outbox.js";
import { shownValue } from "../topic/shown-value.js";
import { topicNameProblem } from "../topic/topic-name.js";
import { signalRule } from "./abort-source.js";
import type { AuthenticationOptions } from "./connecting/authenticator.js";
import type { ReconnectOptions } from "./connecting/reconnect-policy.js";
import { type NetworkSettings, networkRules, networkSettings } from "./network-settings.js";
import { qualityRule } from "./publishing.js";

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

export type { OutboxCounts, OutboxPolicy } from "../session/outgoing/outbox.js";

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

/**
 * `Provider` is the type of `credentials`. If it is a function, `username` and `password` cannot be given. The type is an interface, and not a
 * union of two, so that yours can extend it.
 */
export interface ConnectOptions<Provider extends CredentialsProvider | undefined = CredentialsProvider | undefined>
  extends Omit<NetworkOptions, "tls"> {
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
  readonly username?: (undefined extends Provider ? string : undefined) | undefined;
  readonly password?: (undefined extends Provider ? string | Uint8Array : undefined) | undefined;
  /** Asked for user name and password at each attempt, instead of `username` and `password`: for tokens that expire. */
  readonly credentials?: Provider;
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

/** What of the options CONNECT says, and may be unable to say. */
const SAID = ["clientId", "username", "password", "will", "properties", "authentication"] as const;

/** Bytes of the longest packet that a server may send. */
export const MAXIMUM_PACKET_SIZE = 67_108_864;
const PROTOCOL_MAXIMUM = 268_435_460;
/** Seconds for which a server is asked to hold the session of a client that means to come back. */
const COME_BACK = 3_600;
const FOR_EVER = 0xffff_ffff;
const LONGEST_TIMER = 2 ** 31 - 1;

const atLeast = (least: number, unit: string, otherwise: number): Rule<number> =>
  holds(
    (value) => typeof value === "number" && value >= least,
    `must be a number of at least ${least}${unit}`,
    otherwise,
  );

const delays = group({
  initialDelay: integer(1, LONGEST_TIMER, 1_000),
  maximumDelay: integer(1, LONGEST_TIMER, 60_000),
  maximumAttempts: atLeast(1, "", Infinity),
  maximumRefusal: atLeast(0, " milliseconds", 86_400_000),
} satisfies Record<keyof ReconnectOptions, unknown>);

const rules = {
  clientId: text(),
  protocolVersion: holds<ProtocolVersion | "auto", "auto">(
    (value) => value === 3 || value === 4 || value === 5 || value === "auto",
    'must be the number 3, 4 or 5, or "auto"',
    "auto",
  ),
  cleanStart: boolean(),
  keepAlive: integer(0, 65_535, 60),
  username: text(),
  password: secret<string | Uint8Array>(
    (value) => typeof value === "string" || value instanceof Uint8Array,
    "must be a string or a Uint8Array",
  ),
  credentials: func<CredentialsProvider>(),
  will: object<WillOptions>(),
  connectTimeout: integer(1, LONGEST_TIMER, 10_000),
  reconnect: reconnectDelays,
  store: object<Store>(),
  outbox: group({
    maximumCount: integer(1, Number.MAX_SAFE_INTEGER, 100_000),
    maximumBytes: integer(1, Number.MAX_SAFE_INTEGER, 64 * 2 ** 20),
    maximumAge: integer(1, Number.MAX_SAFE_INTEGER, Infinity),
    policy: oneOf<OutboxPolicy, "reject">(["reject", "drop-oldest", "drop-newest", "keep-latest"], "reject"),
    qos0: oneOf<"queue" | "drop", "queue">(["queue", "drop"], "queue"),
    sessionLost: oneOf<"reject" | "resend", "reject">(["reject", "resend"], "reject"),
  } satisfies Record<keyof OutboxOptions, unknown>),
  maximumInflight: integer(1, 65_535),
  acknowledgeTimeout: integer(1, LONGEST_TIMER, 300_000),
  inbox: group({
    maximumCount: integer(1, Number.MAX_SAFE_INTEGER, 1_000),
    maximumBytes: integer(1, Number.MAX_SAFE_INTEGER, 4 * 2 ** 20),
  } satisfies Record<keyof Bounds, unknown>),
  ...networkRules,
  dial: func<Dial>(),
  properties: object<ConnectProperties>(),
  subscriptionIdentifiers: boolean(true),
  serverReference: oneOf<ServerReferencePolicy, ServerReferencePolicy>(
    ["without-credentials", "follow", "ignore"],
    "without-credentials",
  ),
  authentication: object<AuthenticationOptions>(),
  signal: signalRule,
  platform: object<Platform>(),
} satisfies Record<keyof ConnectOptions, unknown>;

const willRules = {
  topic: anything<unknown>(),
  payload: anything<WillOptions["payload"]>(),
  qos: qualityRule,
  retain: boolean(false),
  properties: anything<WillProperties | undefined>(),
} satisfies Record<keyof WillOptions, unknown>;

/**
 * @param urlHasUsername whether the server's URL names a user, for whom `password` may be meant
 * @throws UsageError OPTION_UNKNOWN, OPTION_INVALID, CLIENT_ID_INVALID, TOPIC_NAME_INVALID or PAYLOAD_INVALID
 */
export function parseConnectOptions(
  options: ConnectOptions,
  platform: Platform,
  urlHasUsername = false,
): ClientSettings {
  const read = readOptions(rules, options);
  const { store, clientId = randomClientId(platform.random), authentication, credentials, username, inbox } = read;
  if (store !== undefined && read.clientId === undefined) {
    throw wrongOption("store", "requires a clientId, which identifies the session after a restart");
  }
  const cleanStart = read.cleanStart ?? store === undefined;
  if (authentication !== undefined) checkAuthentication(authentication, read.protocolVersion);
  const versions = protocolVersions(authentication === undefined ? read.protocolVersion : 5, clientId, cleanStart);
  const password = typeof read.password === "string" ? bytesOf(read.password, "password") : read.password;
  const named = username !== undefined || urlHasUsername;
  if (password !== undefined && !named && read.protocolVersion !== 5) {
    throw wrongOption("password", "requires a username, except with protocolVersion 5 [MQTT-3.1.2-22]");
  }
  if (credentials !== undefined && (username ?? password) !== undefined) {
    throw wrongOption("credentials", "cannot be combined with username or password");
  }
  const chosen = read.properties?.sessionExpiryInterval !== undefined;
  const kept = cleanStart ? (read.reconnect === undefined ? undefined : COME_BACK) : FOR_EVER;
  const settings: ClientSettings = {
    clientId,
    versions,
    cleanStart,
    keepAlive: read.keepAlive,
    username,
    password,
    credentials,
    will: read.will && parseWill(read.will),
    connectTimeout: read.connectTimeout,
    reconnect: read.reconnect,
    store,
    outbox: read.outbox,
    maximumInflight: read.maximumInflight,
    acknowledgeTimeout: read.acknowledgeTimeout,
    inbox,
    tolerated: inbox.maximumCount,
    network: networkSettings(read),
    dial: read.dial,
    authentication,
    subscriptionIdentifiers: read.subscriptionIdentifiers,
    serverReference: read.serverReference,
    properties: connectProperties(read.properties, chosen ? undefined : kept),
    maximumPacketSize: read.properties?.maximumPacketSize ?? MAXIMUM_PACKET_SIZE,
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

function protocolVersions(
  asked: ProtocolVersion | "auto",
  clientId: string,
  cleanStart: boolean,
): readonly ProtocolVersion[] {
  if (asked === "auto") {
    const possible = ALL_VERSIONS.filter((version) => !clientIdProblem(version, clientId, cleanStart));
    return possible.length === ALL_VERSIONS.length ? ALL_VERSIONS : possible;
  }
  const problem = clientIdProblem(asked, clientId, cleanStart);
  if (problem) {
    const what = `clientId ${shownValue(clientId)} ${problem}`;
    throw new UsageError("CLIENT_ID_INVALID", what, { option: "clientId" });
  }
  return ONE_VERSION[asked];
}

function checkAuthentication(authentication: AuthenticationOptions, protocolVersion: unknown): void {
  if (typeof authentication.method !== "string" || typeof authentication.respond !== "function") {
    throw invalidOption("authentication", authentication, "must be { method: string, respond: function }");
  }
  if (protocolVersion !== 5 && protocolVersion !== "auto") {
    throw invalidOption(
      "authentication",
      authentication.method,
      `requires MQTT 5, not protocolVersion ${shownValue(protocolVersion)}`,
    );
  }
}

function parseWill(will: WillOptions): Will {
  const { topic, payload = "", qos, retain, properties } = readOptions(willRules, will, "will.");
  const problem = typeof topic === "string" ? topicNameProblem(topic) : "must be a string";
  if (problem) {
    const what = `will.topic ${shownValue(topic)}: ${problem}`;
    throw new UsageError("TOPIC_NAME_INVALID", what, { option: "will.topic" });
  }
  assertPayload(payload, "will.payload");
  const bytes = typeof payload === "string" ? utf8Bytes(payload) : payload;
  if (bytes.length > 65_535) {
    const what = `will.payload ${bytes.length} bytes: must have at most 65,535 bytes`;
    throw new UsageError("OPTION_INVALID", what, { option: "will.payload" });
  }
  return { topic: topic as string, payload: bytes, qos, retain, properties };
}

/** Shared by clients: thousands in one process most often have the same. */
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

function reconnectDelays(name: string, value: unknown): ReconnectOptions | undefined {
  if (value === false) return undefined;
  if (value === true || typeof value === "number") {
    throw invalidOption(name, value, "must be false or an object with delays");
  }
  const read = delays(name, value);
  const { maximumDelay } = (value ?? {}) as Partial<ReconnectOptions>;
  if (maximumDelay !== undefined) integer(read.initialDelay, LONGEST_TIMER)(`${name}.maximumDelay`, maximumDelay);
  return read;
}

function bytesOf(text: string, field: string): Uint8Array {
  assertPayload(text, field);
  return utf8Bytes(text);
}
