/** The options of an MQTT-SN client, their rules and defaults. */

import { type AbortSignalLike, type Clock, platform, type Random, UsageError } from "@aiko/mqtt";
import { boolean, func, holds, integer, object, readOptions, wrongOption } from "@aiko/mqtt/options";
import { assertTopicName } from "@aiko/mqtt/topic";
import type { Datagram } from "./datagram.js";
import type { MachineSettings, SnState } from "./machine.js";
import type { SnMessageHandler } from "./subscription.js";

/** The message that the gateway publishes when it loses the client. */
export interface SnWill {
  /** The topic name. */
  readonly topic: string;
  /** The payload: text, or bytes. */
  readonly payload: string | Uint8Array;
  /** Default 0. */
  readonly qos?: 0 | 1 | 2 | undefined;
  /** Default false. */
  readonly retain?: boolean | undefined;
}

/** Options of an MQTT-SN client. */
export interface SnOptions {
  /** The client identifier, 1 to 23 characters by the specification; many gateways accept 64. Default: random. */
  readonly clientId?: string | undefined;
  /** Seconds after which a client that is silent sends PINGREQ, 0 … 65,535; 0: never. Default 60. */
  readonly keepAlive?: number | undefined;
  /** Whether the gateway forgets subscriptions and messages of an earlier session. Default true. */
  readonly cleanSession?: boolean | undefined;
  /** The message that the gateway publishes when it loses the client. Default: none. */
  readonly will?: SnWill | undefined;
  /** Topic names by predefined identifier, as the gateway's configuration has them: `{ 7: "attic/celsius" }`. */
  readonly predefined?: Readonly<Record<number, string>> | undefined;
  /** Milliseconds after which an unanswered message is sent again (T_retry), 1 … 3,600,000. Default 10,000. */
  readonly retry?: number | undefined;
  /** How often it is sent again before the gateway counts as lost (N_retry), 0 … 100. Default 3. */
  readonly retries?: number | undefined;
  /** Whether the client connects again after the gateway was lost. `connect` itself tries once. Default true. */
  readonly reconnect?: boolean | undefined;
  /** The most calls that wait for their turn, since one is under way at a time. Default 100. */
  readonly maximumQueue?: number | undefined;
  /** The most bytes of a message to the gateway, 16 … 65,507. Default 1,400, which fits into a packet of Ethernet. */
  readonly maximumDatagram?: number | undefined;
  /** Receives messages that belong to no subscription, such as those of an earlier session. Default: dropped. */
  readonly onMessage?: SnMessageHandler | undefined;
  /** Is called when the state changes, with the error that caused it, if there is one. Default: nothing. */
  readonly onState?: ((state: SnState, error: Error | undefined) => void) | undefined;
  /** Is called with problems that no promise reports: malformed datagrams, errors of handlers. Default: nothing. */
  readonly onProblem?: ((error: unknown) => void) | undefined;
  /** The way to the gateway. Default: UDP to the URL. */
  readonly datagram?: Datagram | undefined;
  /** The clock. Default: the runtime's. */
  readonly clock?: Clock | undefined;
  /** The random numbers. Default: the runtime's. */
  readonly random?: Random | undefined;
  /** Cancels the first `connect`. Default: never. */
  readonly signal?: AbortSignalLike | undefined;
}

const LONGEST_ID = 64;
const SECONDS = 65_535;
const QUALITIES: readonly unknown[] = [0, 1, 2];

const rules = {
  clientId: holds<string>(isClientId, `must be a string of 1 to ${LONGEST_ID} bytes, without U+0000`),
  keepAlive: integer(0, SECONDS, 60, "seconds"),
  cleanSession: boolean(true),
  will: object<SnWill>(),
  predefined: object<Readonly<Record<number, string>>>(),
  retry: integer(1, 3_600_000, 10_000, "milliseconds"),
  retries: integer(0, 100, 3),
  reconnect: boolean(true),
  maximumQueue: integer(1, 1_000_000, 100),
  maximumDatagram: integer(16, 65_507, 1400, "bytes"),
  onMessage: func<SnMessageHandler>(),
  onState: func<(state: SnState, error: Error | undefined) => void>(),
  onProblem: func<(error: unknown) => void>(),
  datagram: object<Datagram>(),
  clock: object<Clock, Clock>(platform.clock),
  random: object<Random, Random>(platform.random),
  signal: object<AbortSignalLike>(),
};

const willRules = {
  topic: holds<string>((value) => typeof value === "string", "must be a string"),
  payload: holds<string | Uint8Array>(isPayload, "must be a string or a Uint8Array"),
  qos: holds<0 | 1 | 2, 0>((value) => QUALITIES.includes(value), "must be 0, 1 or 2", 0),
  retain: boolean(false),
};

/** What a client is made of. */
export interface SnSettings {
  readonly machine: MachineSettings;
  readonly options: ReturnType<typeof read>;
}

/** @throws UsageError OPTION_UNKNOWN or OPTION_INVALID */
export function readSnOptions(given: SnOptions): SnSettings {
  const options = read(given);
  const { clientId = randomId(options.random), will } = options;
  const { keepAlive, cleanSession, retry, retries, maximumQueue, maximumDatagram } = options;
  const machine = {
    clientId,
    keepAlive,
    cleanSession,
    will: will && readWill(will),
    predefined: readPredefined(options.predefined ?? {}),
    retry,
    retries,
    maximumQueue,
    maximumDatagram,
  };
  return { machine, options };
}

/** @throws UsageError */
export function readWill(given: SnWill): MachineSettings["will"] {
  const { topic, payload, qos, retain } = readOptions(willRules, given, "will.");
  if (topic === undefined) throw wrongOption("will.topic", "is required");
  if (payload === undefined) throw wrongOption("will.payload", "is required; it may be empty");
  assertTopicName(topic);
  return { topic, message: bytesOf(payload), qos, retain };
}

/** Returns the bytes of a payload. @throws UsageError PAYLOAD_INVALID */
export function bytesOf(payload: string | Uint8Array): Uint8Array {
  if (typeof payload === "string") return new TextEncoder().encode(payload);
  if (payload instanceof Uint8Array) return payload;
  throw new UsageError("PAYLOAD_INVALID", `payload: must be a string or a Uint8Array, not ${typeof payload}`);
}

function read(given: SnOptions) {
  return readOptions(rules, given);
}

function readPredefined(given: Readonly<Record<number, string>>): ReadonlyMap<number, string> {
  const topics = new Map<number, string>();
  for (const [key, name] of Object.entries(given)) {
    const id = Number(key);
    if (!Number.isInteger(id) || id < 1 || id > 0xfffe) {
      throw wrongOption(`predefined.${key}`, "the identifier must be an integer from 1 to 65534");
    }
    assertTopicName(name);
    topics.set(id, name);
  }
  return topics;
}

function isClientId(value: unknown): boolean {
  if (typeof value !== "string" || value === "" || value.includes("\0")) return false;
  return new TextEncoder().encode(value).length <= LONGEST_ID;
}

function isPayload(value: unknown): boolean {
  return typeof value === "string" || value instanceof Uint8Array;
}

/** 20 characters, of which 15 are random. */
function randomId(random: Random): string {
  const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  return `aiko-${Array.from({ length: 15 }, () => letters[Math.floor(random.next() * letters.length)]).join("")}`;
}
