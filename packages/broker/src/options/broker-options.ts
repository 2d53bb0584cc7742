/** The options of a broker, and the precise settings that they become. */

import {
  type Bounds,
  type Clock,
  type PartialOptions,
  platform,
  type Store,
  type Transport,
  UsageError,
} from "@aiko/mqtt";
import { ReasonCode } from "@aiko/mqtt/codec";
import {
  boolean,
  func,
  group,
  holds,
  integer,
  type OptionsRead,
  object,
  readOptions,
  wrongOption,
} from "@aiko/mqtt/options";
import type { BrokerHooks } from "../hooks/broker-hooks.js";
import type { AuthenticationMethod, ConnectDecision, ConnectRequest } from "./authentication.js";
import { type BrokerLimits, completeLimits, type LimitSettings, limitRules } from "./broker-limits.js";
import { type BrokerTls, readTls } from "./broker-tls.js";
import { type CapabilityOptions, capabilityRules } from "./capabilities.js";
import { type ListenerOptions, type Place, readListeners } from "./listener-options.js";
import { readOrigins, shown } from "./origins.js";

/**
 * Options of a broker. Undefined stands for the default. `Port` is the type of `port`: if it is a number, `listeners`
 * cannot be set. The type is an interface, not a union, so that you can extend it.
 */
export interface BrokerOptions<Port extends number | undefined = number | undefined>
  extends BrokerHooks,
    BrokerLimits,
    CapabilityOptions {
  /** The address to bind for TCP. Default "127.0.0.1": this machine only. */
  readonly host?: string | undefined;
  /** The port, 0 … 65,535. 0 picks a free port. Default 1883. */
  readonly port?: Port;
  /** TLS options. If set, the listener is for `mqtts:`. */
  readonly tls?: BrokerTls | undefined;
  /**
   * Listeners instead of `host`, `port` and `tls`, each for TCP, WebSockets or a Unix socket. An empty list makes a
   * broker that accepts connections only through `accept`.
   */
  readonly listeners?: (undefined extends Port ? readonly ListenerOptions[] : undefined) | undefined;
  /**
   * Origins of web pages that may connect over WebSockets, such as "https://app.example". "*" allows all. Their hosts
   * are also allowed in the header Host, as a reverse proxy forwards it. Default: none. Pages on the broker's own host,
   * with any port, and programs that send no Origin are always allowed. If the listener's host is this machine, or a
   * page connects from it, the header Host must be localhost, a loopback address, or the listener's host.
   */
  readonly allowedOrigins?: readonly string[] | undefined;
  /**
   * Whether WebSocket clients may connect without offering a subprotocol. Default false: they must offer `mqtt` or
   * `mqttv3.1` [MQTT-6.0.0-3]. Clients that offer only other subprotocols are never accepted.
   */
  readonly subprotocolOptional?: boolean | undefined;
  /**
   * Decides whether a client is accepted. If it throws, the broker answers "server unavailable", and the client
   * retries. It is not called for a client with an authentication method. Default: accepts all clients, or none if there
   * are `authenticationMethods`.
   */
  readonly authenticate?: ((request: ConnectRequest) => ConnectDecision | Promise<ConnectDecision>) | undefined;
  /**
   * The authentication methods of MQTT 5, by name, such as "SCRAM-SHA-256". A client that names one is accepted or
   * refused by its function, also when it authenticates again. Other methods are refused with 0x8C (Bad authentication
   * method). Clients that name no method are refused, unless `authenticate` accepts them. Default: none.
   */
  readonly authenticationMethods?: Readonly<Record<string, AuthenticationMethod>> | undefined;
  /**
   * Milliseconds that a client has to authenticate again, 1 … 2,147,483,647. Then it is disconnected with 0x87 (Not
   * authorized). Default 10,000. The first authentication is limited by `connectTimeout`.
   */
  readonly reauthenticationTimeout?: number | undefined;
  /**
   * The number of challenges in one exchange of an authentication method, 1 … 1,000. A method that needs more fails,
   * and the client is refused with 0x87. Default 16.
   */
  readonly maximumChallenges?: number | undefined;
  /**
   * The Response Information of CONNACK, from which clients build their response topics; or a function that returns it.
   * It is sent only to clients of MQTT 5 that request it. Default: none.
   */
  readonly responseInformation?: string | ((request: ConnectRequest) => string | undefined) | undefined;
  /**
   * The longest packet that the broker accepts, in bytes, 16 … 268,435,460, the limit of the protocol. Default
   * 67,108,864. Packets other than PUBLISH have at most 4,194,304 bytes in any case.
   */
  readonly maximumPacketSize?: number | undefined;
  /**
   * The number of levels of a topic name or filter, 1 … 65,536: one more than its separators. Default 201, because
   * mosquitto allows 200 separators.
   */
  readonly maximumTopicLevels?: number | undefined;
  /**
   * Limits of the messages that wait for one client, each from 1. When one is reached, the oldest QoS 0 messages are
   * dropped for a new message. A message that still has no room is dropped itself. See the event `dropped`. Default
   * 100,000 messages, 67,108,864 bytes (64 MiB).
   */
  readonly outbox?: PartialOptions<Bounds> | undefined;
  /**
   * How much of the `outbox` of a stored session stays in memory, each from 1. Messages of QoS 1 and 2 beyond wait in the
   * `store` only, and are read when the client has received the others. Queues of clients with shared subscriptions stay in
   * memory. Only for a store that can be read, as a DiskStore can. Default 1,000 messages, 1,048,576 bytes (1 MiB).
   */
  readonly outboxInMemory?: PartialOptions<Bounds> | undefined;
  /**
   * Limits of the retained messages, each from 0. Messages beyond are not retained: see the event `notRetained`. The
   * bytes include about 200 for each message and for each level of its topic. Default 200,000 messages, 268,435,456
   * bytes (256 MiB).
   */
  readonly retained?: PartialOptions<Bounds> | undefined;
  /**
   * The largest part of a common limit that one client may use, above 0, up to 1. It holds for the limits of `retained`,
   * and for `maximumConnections` by address. Default 0.5.
   */
  readonly maximumShare?: number | undefined;
  /**
   * The number of unacknowledged QoS 1 and 2 messages that a client may send, 1 … 65,535. Default 65,535. A client of
   * MQTT 5 that sends more is disconnected. Clients before MQTT 5 cannot know the limit: the broker stops reading from
   * them until it has acknowledged one.
   */
  readonly receiveMaximum?: number | undefined;
  /**
   * The number of topic aliases that a client may use, and that the broker uses if the client accepts them, 0 … 65,535.
   * Default 100.
   */
  readonly topicAliasMaximum?: number | undefined;
  /**
   * Milliseconds, 1 … 2,147,483,647, from the opening of a connection until its client is accepted. They cover the TLS
   * and WebSocket handshakes, CONNECT and `authenticate`. Default 10,000.
   */
  readonly connectTimeout?: number | undefined;
  /** Whether to accept client identifiers of more than 23 characters on MQTT 3.1. Default false [MQTT31-6]. */
  readonly longClientIdentifiers?: boolean | undefined;
  /**
   * Where the broker keeps what must survive the process: sessions that outlive their connection, with subscriptions and
   * messages, and retained messages. It uses the session "broker" of the store. Default: none; everything ends with the
   * process.
   *
   * @example store: new DiskStore("/var/lib/broker", { onDamage: console.error }) // of @aiko/mqtt-store
   */
  readonly store?: Store | undefined;
  /** Faults on the broker's connections, for tests: a `Faults` of `@aiko/mqtt-broker/testing`. Default: none. */
  readonly faults?: ConnectionFaults | undefined;
  /**
   * The clock and timers. Default: those of the runtime. In tests, a `FakeClock` of `@aiko/mqtt/testing` drives a
   * broker with `listeners: []` and its clients. Such a broker uses no socket and no timer of the runtime.
   */
  readonly clock?: Clock | undefined;
}

/** Changes what the connections of a broker transfer. */
export interface ConnectionFaults {
  /** Returns the transport that the broker uses instead. */
  wrap(transport: Transport, clock: Clock): Transport;
}

/** The most bytes of a packet in the protocol: 5 of the fixed header, and 268,435,455 of the rest. */
export const PROTOCOL_MAXIMUM = 268_435_460;

/** Rejects an empty text: with an empty host, Node would listen on all addresses. */
function filled<Default>(name: string, value: unknown, otherwise: Default): string | Default {
  if (value === undefined) return otherwise;
  return mustBeFilled(name, mustBeText(name, value)) as string;
}
const mustBeText = holds<string>((value) => typeof value === "string", "must be a string");
const mustBeFilled = holds<string>((value) => value !== "", "must not be empty");

const DEFAULT_PORT = 1883;

/** @param least the least value of both limits */
const bounds = (least: number, maximumCount: number, maximumBytes: number) =>
  group({
    maximumCount: integer(least, Number.MAX_SAFE_INTEGER, maximumCount),
    maximumBytes: integer(least, Number.MAX_SAFE_INTEGER, maximumBytes),
  });

const isShare = (value: unknown): boolean => typeof value === "number" && value > 0 && value <= 1;
const share = (otherwise: number) => holds<number, number>(isShare, "must be a number above 0, up to 1", otherwise);

type Authenticate = NonNullable<BrokerOptions["authenticate"]>;

const rules = {
  ...capabilityRules,
  ...limitRules,
  host: (name: string, value: unknown) => filled(name, value, "127.0.0.1"),
  port: integer(0, 65_535, DEFAULT_PORT),
  tls: readTls,
  listeners: readListeners,
  allowedOrigins: (name: string, value: unknown) => readOrigins(name, value) ?? [],
  authenticate: func<Authenticate>(),
  authorizePublish: func<BrokerHooks["authorizePublish"]>(),
  authorizeSubscribe: func<BrokerHooks["authorizeSubscribe"]>(),
  authorizeDeliver: func<BrokerHooks["authorizeDeliver"]>(),
  deliversToAll: func<BrokerHooks["deliversToAll"]>(),
  onPublish: func<BrokerHooks["onPublish"]>(),
  hookTimeout: integer(1, 2 ** 31 - 1, 10_000),
  subprotocolOptional: boolean(false),
  authenticationMethods: readMethods,
  reauthenticationTimeout: integer(1, 2 ** 31 - 1, 10_000),
  maximumChallenges: integer(1, 1_000, 16),
  responseInformation: holds<string | ((request: ConnectRequest) => string | undefined)>(
    (value) => typeof value === "string" || typeof value === "function",
    "must be a string, or a function that returns one",
  ),
  maximumPacketSize: integer(16, PROTOCOL_MAXIMUM, 67_108_864),
  maximumTopicLevels: integer(1, 65_536, 201),
  outbox: bounds(1, 100_000, 64 * 2 ** 20),
  outboxInMemory: bounds(1, 1_000, 2 ** 20),
  retained: bounds(0, 200_000, 256 * 2 ** 20),
  maximumShare: share(0.5),
  receiveMaximum: integer(1, 65_535, 65_535),
  topicAliasMaximum: integer(0, 65_535, 100),
  connectTimeout: integer(1, 2 ** 31 - 1, 10_000),
  longClientIdentifiers: boolean(false),
  store: holds<Store>(
    (value) => typeof (value as Partial<Store> | null)?.open === "function",
    "must be a Store, such as a DiskStore of @aiko/mqtt-store",
  ),
  faults: holds<ConnectionFaults>(
    (value) => typeof (value as Partial<ConnectionFaults> | null)?.wrap === "function",
    "must be a Faults of @aiko/mqtt-broker/testing",
  ),
  clock: object<Clock, Clock>(platform.clock),
} satisfies Record<keyof BrokerOptions, unknown>;

/** The options that say where the broker listens. `places` is their result. */
type Placing = "host" | "port" | "tls" | "listeners";

/** The limits may change while the broker runs: each is read where it is applied. */
export interface BrokerSettings
  extends Omit<OptionsRead<typeof rules>, Placing | keyof LimitSettings | "authenticate">,
    LimitSettings {
  readonly authenticate: Authenticate;
  readonly places: readonly Place[];
}

/** The options of a single TCP listener. */
const shortForm: readonly Placing[] = ["host", "port", "tls"];

/** @throws UsageError OPTION_UNKNOWN or OPTION_INVALID */
export function parseBrokerOptions<Port extends number | undefined>(options: BrokerOptions<Port>): BrokerSettings {
  assertObject(options);
  const { host, port, tls, listeners, ...others } = readOptions(rules, options);
  const settings = {
    ...completeLimits(others, others.maximumShare),
    authenticate: others.authenticate ?? (others.authenticationMethods.size > 0 ? needsMethod : acceptAll),
  };
  if (listeners === undefined) return { ...settings, places: [{ scheme: "mqtt", host, port, tls }] };
  const other = shortForm.find((name) => options[name] !== undefined);
  if (other !== undefined) throw wrongOption("listeners", `cannot be combined with ${other}; set it in each listener`);
  return { ...settings, places: listeners };
}

const acceptAll = (): ConnectDecision => true;

/** Otherwise anyone could avoid the methods by naming none. */
function needsMethod(): ConnectDecision {
  const reason = "a client must name an authentication method, since authenticate is not set";
  return { reasonCode: ReasonCode.NOT_AUTHORIZED, reason };
}

/**
 * An address in the form that other servers accept for listening: a port, a host with or without a port, a URL of
 * these; or a path.
 */
const ADDRESS =
  /^(?:mqtts?:\/\/)?(?:(?<host>[\w.-]{1,255}|\[[\da-f:.]{2,45}\])(?::(?<port>\d{1,5}))?\/?|(?<path>\/[\w./-]{1,255}))$/i;

/** @throws UsageError OPTION_INVALID that suggests what to write. A value that may contain a password is not shown. */
function assertObject(options: unknown): void {
  if (typeof options === "object" && options !== null && !Array.isArray(options) && !(options instanceof URL)) return;
  const parts = typeof options === "string" || typeof options === "number" ? ADDRESS.exec(String(options)) : null;
  const what = parts !== null || options === null ? ` ${shown(options)}` : ` of type ${typeName(options)}`;
  const rule = `options${what}: must be an object; write Broker.listen(${toWrite(parts?.groups)})`;
  throw new UsageError("OPTION_INVALID", rule, { option: "options" });
}

function toWrite({ host, port, path }: Readonly<Record<string, string | undefined>> = {}): string {
  if (path !== undefined) return `{ listeners: [{ url: "unix:${path}" }] }`;
  const isPort = (text = ""): boolean => /^\d+$/.test(text) && Number(text) <= 65_535;
  if (host === undefined || /^\d+$/.test(host)) return `{ port: ${isPort(host) ? host : DEFAULT_PORT} }`;
  return `{ host: "${host.replaceAll(/[[\]]/g, "")}", port: ${isPort(port) ? port : DEFAULT_PORT} }`;
}

function typeName(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return value instanceof URL ? "URL" : typeof value;
}

/** A Map, because a client chooses the name. @throws UsageError OPTION_INVALID */
function readMethods(name: string, methods: unknown = {}): ReadonlyMap<string, AuthenticationMethod> {
  if (typeof methods !== "object" || methods === null)
    throw wrongOption(name, 'must be an object, as in { "SCRAM-SHA-256": async (exchange) => … }');
  const entries = Object.entries(methods);
  for (const [method, implement] of entries)
    if (typeof implement !== "function") throw wrongOption(`${name}.${method}`, "must be a function");
  return new Map(entries as [string, AuthenticationMethod][]);
}
