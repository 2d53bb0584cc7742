/** The options of a connection, and the precise settings that they become. They are parsed once, here. */

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

/** The options of `Settings`, each of them optional. Undefined stands for the default. */
export type PartialOptions<Settings> = { readonly [Name in keyof Settings]?: Settings[Name] | undefined };

/** A user name and a password, as the function `credentials` returns them. */
export interface Credentials {
  /** The user name. Default: none. */
  readonly username?: string | undefined;
  /** The password. Text is sent as UTF-8. Default: none. Earlier versions than MQTT 5 require a user name with it. */
  readonly password?: string | Uint8Array | undefined;
}

/** Which servers the client follows when a server refers it to others. See the option `serverReference`. */
export type ServerReferencePolicy = "without-credentials" | "follow" | "ignore";

/**
 * Returns the credentials for a server, or a promise of them.
 *
 * @param server the URL of the server, without credentials
 */
export type CredentialsProvider = (server: string) => Credentials | Promise<Credentials>;

/** The will: the message that the server publishes if the connection ends without a normal DISCONNECT. */
export interface WillOptions {
  /** The topic name. */
  readonly topic: string;
  /** The payload. Text is sent as UTF-8. Default: empty. */
  readonly payload?: string | Uint8Array | undefined;
  /** The quality of service. Default 0. */
  readonly qos?: QoS | undefined;
  /** Whether the server keeps the message for later subscribers. Default false. */
  readonly retain?: boolean | undefined;
  /** The properties of the will on MQTT 5. */
  readonly properties?: WillProperties | undefined;
}

export type { OutboxCounts, OutboxPolicy } from "../session/outgoing/outbox.js";

/** Limits of the queue of messages that wait to be sent. */
export interface OutboxOptions {
  /** The number of messages, from 1. Default 100,000. */
  readonly maximumCount?: number | undefined;
  /** The bytes of topics, payloads and properties, from 1. Default 67,108,864 (64 MiB). */
  readonly maximumBytes?: number | undefined;
  /**
   * Milliseconds that a message may wait unsent, from 1; with a store, also across restarts. Older messages fail with
   * MESSAGE_EXPIRED. Default: no limit, since count and bytes limit the queue.
   */
  readonly maximumAge?: number | undefined;
  /**
   * What happens when a limit is reached. Messages that were sent already are never dropped. With a policy other than
   * "reject", an unhandled rejection of a dropped message does not end the process.
   *
   * - "reject" (default): `publish` rejects with OUTBOX_FULL.
   * - "drop-newest": `publish` rejects with OUTBOX_DROPPED.
   * - "drop-oldest": the oldest queued messages are dropped, with OUTBOX_DROPPED.
   * - "keep-latest": a message replaces the queued message of the same topic, which fails with OUTBOX_REPLACED, whether or
   *   not a limit is reached. At a limit, a message of another topic fails with OUTBOX_FULL.
   */
  readonly policy?: OutboxPolicy | undefined;
  /**
   * Whether QoS 0 messages are queued while there is no connection, or dropped with OUTBOX_DROPPED. Default "queue".
   */
  readonly qos0?: "queue" | "drop" | undefined;
  /**
   * What happens to a QoS 2 message that was sent and not acknowledged when the server loses the session: it may have
   * arrived. "reject" (default): its promise rejects with SESSION_LOST. "resend": it is sent again and may arrive
   * twice, so delivery is at least once instead of at most once.
   */
  readonly sessionLost?: "reject" | "resend" | undefined;
}

/**
 * Options of `connect` and `createClient`. `Provider` is the type of `credentials`. If it is a function, `username` and
 * `password` cannot be set. The type is an interface, not a union, so that you can extend it.
 */
export interface ConnectOptions<Provider extends CredentialsProvider | undefined = CredentialsProvider | undefined>
  extends Omit<NetworkOptions, "tls"> {
  /**
   * The client identifier. Every server accepts 1–23 characters. Default: a random one, the same for the life of the
   * client.
   */
  readonly clientId?: string | undefined;
  /** 5, 4 (3.1.1), 3 (3.1), or "auto" (default): 5, with fallback to an earlier version that the server supports. */
  readonly protocolVersion?: ProtocolVersion | "auto" | undefined;
  /**
   * Whether the first connection discards a session that the server still holds. Default true; with a store, false. On
   * MQTT 5 the new session survives lost connections. On 3.1 and 3.1.1 a clean session ends with each connection.
   */
  readonly cleanStart?: boolean | undefined;
  /** The keep-alive in seconds, 0 … 65,535. 0 disables it. Default 60. */
  readonly keepAlive?: number | undefined;
  /** The user name. Default: the one in the URL, or none. */
  readonly username?: (undefined extends Provider ? string : undefined) | undefined;
  /** The password. Text is sent as UTF-8. Default: the one in the URL, or none. */
  readonly password?: (undefined extends Provider ? string | Uint8Array : undefined) | undefined;
  /**
   * Returns user name and password at each attempt, instead of `username` and `password`. Use it for tokens that
   * expire.
   */
  readonly credentials?: Provider;
  /** The message that the server publishes if the connection ends without a normal DISCONNECT. Default: none. */
  readonly will?: WillOptions | undefined;
  /** Milliseconds that one attempt may take, from dialling to CONNACK, 1 … 2,147,483,647. Default 10,000. */
  readonly connectTimeout?: number | undefined;
  /** How lost connections are re-established. False disables reconnecting. */
  readonly reconnect?: false | PartialOptions<ReconnectOptions> | undefined;
  /**
   * Where the session is stored, so that it survives the process. Default: none; the session lives as long as the
   * client.
   */
  readonly store?: Store | undefined;
  /** Limits of the queue of messages that wait to be sent, and what happens when a limit is reached. */
  readonly outbox?: OutboxOptions | undefined;
  /**
   * The number of unacknowledged QoS 1 and 2 messages, 1 … 65,535. On MQTT 5, the default is the limit that the server
   * announces. MQTT 3.1 and 3.1.1 servers cannot announce one: the default is 65,535, and 19 at QoS 2. By default,
   * mosquitto acknowledges and drops messages beyond 20, also at QoS 1.
   */
  readonly maximumInflight?: number | undefined;
  /**
   * Milliseconds that the server may leave a message unacknowledged while it sends other packets, 1 … 2,147,483,647.
   * Then the client ends the connection with ANSWER_TIMEOUT and resends the message on the next one. The check runs
   * with the keep-alive, so it may be one or two keep-alives late, and does not run with `keepAlive` 0. Default
   * 300,000.
   */
  readonly acknowledgeTimeout?: number | undefined;
  /**
   * The messages that may wait for handlers and iterators before the client stops reading from the network. Default
   * 1,000 messages, 4,194,304 bytes (4 MiB).
   */
  readonly inbox?: PartialOptions<Bounds> | undefined;
  /**
   * TLS options for `mqtts:` and `wss:`. A function is called at each attempt, so that renewed certificates and keys
   * are read again.
   */
  readonly tls?: TlsOptions | TlsProvider | undefined;
  /** Opens network connections instead of the runtime. Use it for any other way to carry bytes. */
  readonly dial?: Dial | undefined;
  /**
   * The properties of CONNECT on MQTT 5. `maximumPacketSize` applies to every version: a server that sends a longer
   * packet is disconnected. It is at most 268,435,460 bytes; default 67,108,864. Servers do not send longer messages to
   * MQTT 5 clients.
   */
  readonly properties?: ConnectProperties | undefined;
  /**
   * Whether SUBSCRIBE carries a subscription identifier if the server supports it (MQTT 5). The server then reports
   * which subscription a message is for. Default true. Set false for a server that announces support and sends wrong
   * identifiers.
   */
  readonly subscriptionIdentifiers?: boolean | undefined;
  /**
   * Which servers the client connects to when a server refers it to others (0x9C "Use another server" and 0x9D "Server
   * moved" on MQTT 5).
   *
   * - "without-credentials" (default): any server, if this client has no credentials: no user name or password, in the URL
   *   or as an option, no `credentials`, no `authentication` and no `webSocket.headers`. Otherwise only servers in its own
   *   list of URLs.
   * - "follow": any server. It receives the same credentials and headers as the server that refers to it.
   * - "ignore": none.
   *
   * By default, the client never sends credentials to a host that the user did not name, because a server, or an
   * attacker in its place, can name any host.
   *
   * The first eight names of each reference count, at most eight servers are tried per round of attempts, and only with
   * MQTT 5. A name is a host with or without a port, and uses the scheme of the referring server. It is never a path or
   * a Unix socket. The client's own servers are tried in each round, also after 0x9D.
   */
  readonly serverReference?: ServerReferencePolicy | undefined;
  /** Enhanced authentication. The client then tries MQTT 5 only. */
  readonly authentication?: AuthenticationOptions | undefined;
  /** Cancels the first connection attempt. */
  readonly signal?: AbortSignalLike | undefined;
  /**
   * Whether the first connection is retried, with the delays of `reconnect`, until a server accepts. Each failed round of
   * attempts is a `reconnecting` event. Errors that a retry cannot help, such as a wrong password, still reject. Default
   * false: `connect` tries each server once.
   */
  readonly retry?: boolean | undefined;
  /** Clock, randomness and network, instead of those of the runtime. Use it in tests, and in engines that lack them. */
  readonly platform?: Platform | undefined;
}

/** Limits of a queue or table. */
export interface Bounds {
  /** The number of messages. */
  readonly maximumCount: number;
  /** The bytes of topics, payloads and properties. */
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
  /** How many unacknowledged messages are accepted from a server that exceeds the receive maximum. */
  readonly tolerated: number;
  readonly network: NetworkSettings;
  readonly dial: Dial | undefined;
  /** The properties of CONNECT. They include the maximum packet size only if it is below the protocol's own limit. */
  readonly properties: ConnectProperties;
  readonly maximumPacketSize: number;
  readonly authentication: AuthenticationOptions | undefined;
  readonly subscriptionIdentifiers: boolean;
  readonly serverReference: ServerReferencePolicy;
  /** Whether `disconnect` ends the session, although it survives lost connections. */
  readonly endsWithClient: boolean;
  /** By how many milliseconds the platform's timers may currently be late. */
  readonly timerLateness: (() => number) | undefined;
}

/** The options that CONNECT carries, and that may not be encodable. */
const SAID = ["clientId", "username", "password", "will", "properties", "authentication"] as const;

/** The most bytes of a packet that a server may send. */
export const MAXIMUM_PACKET_SIZE = 67_108_864;
const PROTOCOL_MAXIMUM = 268_435_460;
/** Seconds that a server is asked to keep the session of a disconnected client. */
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
  keepAlive: integer(0, 65_535, 60, "seconds"),
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
  retry: boolean(),
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
 * @param urlHasUsername whether the server's URL contains a user name, to which `password` may belong
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
 * Rejects what cannot be encoded before a connection exists. The first version to try has all the rules of the later
 * ones. `versions` contains only versions that allow the client identifier.
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

/** Makes an identifier of 20 characters that every server must accept [MQTT-3.1.3-5]. */
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

/** Shared by clients: in a process with thousands of clients, most have the same properties. */
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
