/**
 * The MqttError family: every error that this library throws or rejects with, but for broken invariants of its own
 * (a plain `Error("bug: …")`). Knows nothing of packets or connections.
 */

/** The call is wrong: correct the program. Nothing was sent. */
export type UsageErrorCode =
  | "OPTION_UNKNOWN"
  | "OPTION_INVALID"
  | "URL_INVALID"
  | "TOPIC_NAME_INVALID"
  | "TOPIC_FILTER_INVALID"
  | "CLIENT_ID_INVALID"
  | "PAYLOAD_INVALID"
  | "PACKET_INVALID"
  | "PROPERTY_INVALID"
  | "STRING_INVALID"
  | "TRANSPORT_UNAVAILABLE"
  | "ALREADY_CONNECTED"
  | "SUBSCRIPTION_REPEATED";

/** The client or the broker is not open: connect it, or make another, then call again. */
export type ClosedErrorCode = "CLIENT_CLOSED" | "NOT_CONNECTED" | "BROKER_CLOSED";

/** The operation's signal fired. */
export type AbortedErrorCode = "ABORTED";

/** The peer broke the protocol. */
export type ProtocolErrorCode =
  | "MALFORMED_PACKET"
  | "PROTOCOL_ERROR"
  | "PACKET_TOO_LARGE"
  | "TOPIC_ALIAS_INVALID"
  | "TOPIC_NAME_REFUSED"
  | "RECEIVE_MAXIMUM_EXCEEDED"
  | "UNSUPPORTED_PROTOCOL_VERSION"
  | "CLIENT_IDENTIFIER_REFUSED";

/** The peer refused, or has announced in CONNACK that it would. */
export type RefusedErrorCode =
  | "CONNECT_REFUSED"
  | "PUBLISH_REFUSED"
  | "SUBSCRIBE_REFUSED"
  | "UNSUBSCRIBE_REFUSED"
  | "DISCONNECTED_BY_SERVER"
  | "TAKEN_OVER"
  | "AUTHENTICATION_FAILED"
  | "NO_RESPONDER"
  | "REQUEST_FAILED"
  | "MAXIMUM_QOS_EXCEEDED"
  | "RETAIN_NOT_AVAILABLE"
  | "MAXIMUM_PACKET_SIZE_EXCEEDED"
  | "WILDCARD_SUBSCRIPTION_NOT_AVAILABLE"
  | "SHARED_SUBSCRIPTION_NOT_AVAILABLE"
  | "SUBSCRIPTION_IDENTIFIER_NOT_AVAILABLE";

/** No connection could be made, or it was lost: try again later. */
export type TransportErrorCode =
  | "CONNECTION_FAILED"
  | "CONNECTION_LOST"
  | "OPTION_FAILED"
  | "TLS_FAILED"
  | "PROXY_FAILED"
  | "WEBSOCKET_FAILED"
  | "LISTEN_FAILED"
  | "PUBLISH_UNANSWERED"
  | "SUBSCRIBE_UNANSWERED"
  | "UNSUBSCRIBE_UNANSWERED";

/** The options of the outbox decided against a message: publish less, or choose other options. */
export type OutboxErrorCode = "OUTBOX_FULL" | "OUTBOX_DROPPED" | "OUTBOX_REPLACED" | "SESSION_LOST";

/** The store failed, is full, or kept what this client could not finish. */
export type StoreErrorCode =
  | "STORE_LOCKED"
  | "STORE_FULL"
  | "STORE_CORRUPT"
  | "STORE_FAILED"
  | "STORE_TIMEOUT"
  | "MESSAGE_KEPT";

/** The payload of a received message is not what the application expects. */
export type PayloadErrorCode = "PAYLOAD_NOT_JSON" | "PAYLOAD_REFUSED";

/** A deadline passed. */
export type TimeoutErrorCode =
  | "CONNECT_TIMEOUT"
  | "KEEP_ALIVE_TIMEOUT"
  | "ANSWER_TIMEOUT"
  | "MESSAGE_EXPIRED"
  | "DRAIN_TIMEOUT"
  | "HANDLER_TIMEOUT"
  | "REQUEST_TIMEOUT";

export type MqttErrorCode =
  | UsageErrorCode
  | ClosedErrorCode
  | AbortedErrorCode
  | ProtocolErrorCode
  | RefusedErrorCode
  | TransportErrorCode
  | OutboxErrorCode
  | StoreErrorCode
  | PayloadErrorCode
  | TimeoutErrorCode;

/** What an error says for programs, in addition to its code and its message. */
export interface ErrorFacts {
  readonly cause?: unknown;
  readonly option?: string | undefined;
  readonly topic?: string | undefined;
  readonly topicFilter?: string | undefined;
  readonly mayHaveArrived?: boolean | undefined;
}

/** The base class of all errors of this library. `docs/errors.md` lists every `code`. */
export abstract class MqttError<Code extends MqttErrorCode = MqttErrorCode> extends Error implements ErrorFacts {
  /** The option or argument that is wrong, or that would help, as the program writes it: "tls.ca". Undefined if there is not exactly one. */
  readonly option: string | undefined;
  /** The topic of the one message that the error is about. */
  readonly topic: string | undefined;
  /** The one topic filter that the error is about. */
  readonly topicFilter: string | undefined;
  /**
   * Whether the server may have taken the message that `publish` rejects, so that publishing it again may deliver it twice. False if no
   * byte of it can have reached the server, or the server refused it. Undefined if the error is not about one outgoing message, or if the
   * call was rejected before there was one.
   */
  readonly mayHaveArrived: boolean | undefined;

  constructor(
    /** A literal that programs may compare; it does not change between releases, unlike `message`. */
    readonly code: Code,
    message: string,
    facts?: ErrorFacts,
  ) {
    // A peer's words may stand in it, and what is printed must stay on its line and not command a terminal.
    super(message.replace(/\p{C}/gu, "\ufffd"), facts);
    Object.assign(this, facts);
  }
}

/** The call is wrong, and calling it again does not help: correct the program. Nothing was sent. */
export class UsageError extends MqttError<UsageErrorCode> {
  override get name(): "UsageError" {
    return "UsageError";
  }
}

/**
 * The call was right, and the client is not open: it was closed, it stopped by itself, or it was never connected. `connect()`, or another
 * client, helps. `ALREADY_CONNECTED` is a `UsageError`: a second `connect()` never succeeds, however often it is repeated.
 */
export class ClosedError extends MqttError<ClosedErrorCode> {
  override get name(): "ClosedError" {
    return "ClosedError";
  }
}

/** The operation's `signal` fired; `cause` is the signal's reason. Its name is the platform's, "AbortError". */
export class AbortedError extends MqttError<AbortedErrorCode> {
  override get name(): "AbortError" {
    return "AbortError";
  }
}

/** The peer broke the protocol. The connection is closed; the client reconnects. */
export class ProtocolError extends MqttError<ProtocolErrorCode> {
  constructor(
    code: ProtocolErrorCode,
    /** The MQTT 5 reason code that tells the peer what it did wrong, 0x81 … 0xA2. */
    readonly reasonCode: number,
    message: string,
    facts?: ErrorFacts,
  ) {
    super(code, message, facts);
  }

  override get name(): "ProtocolError" {
    return "ProtocolError";
  }
}

/** What an MQTT 5 peer may send in addition to its reason code. */
export interface RefusalDetails {
  readonly reasonString?: string | undefined;
  readonly serverReference?: string | undefined;
  readonly userProperties?: readonly (readonly [name: string, value: string])[] | undefined;
}

/** The peer refused, or has announced in CONNACK that it would. */
export class RefusedError extends MqttError<RefusedErrorCode> {
  /** The peer's own words, where it gave any. */
  declare readonly reasonString: string | undefined;
  /** Another server to use, with 0x9C (Use another server) and 0x9D (Server moved). */
  declare readonly serverReference: string | undefined;
  declare readonly userProperties: readonly (readonly [name: string, value: string])[];

  constructor(
    code: RefusedErrorCode,
    /** The peer's reason code (MQTT 5) or return code (3.1 and 3.1.1), as it stood in the packet. */
    readonly reasonCode: number,
    message: string,
    { reasonString, serverReference, userProperties = [] }: RefusalDetails = {},
  ) {
    const said = reasonString === undefined ? message : `${message}, "${reasonString}"`;
    super(code, said, { reasonString, serverReference, userProperties } as ErrorFacts);
  }

  override get name(): "RefusedError" {
    return "RefusedError";
  }
}

/**
 * No connection could be made, or it was lost: trying again later may help. OPTION_FAILED belongs here, because the function that an
 * application gives for an option is asked again at the next attempt, and fails most often because it cannot reach a server of its own.
 */
export class TransportError extends MqttError<TransportErrorCode> {
  override get name(): "TransportError" {
    return "TransportError";
  }
}

/**
 * The outbox could not take or keep a message, by its options: the network is not the cause, and publishing again at once fails again.
 * SESSION_LOST is what `outbox.sessionLost` "reject" decides; look at `mayHaveArrived` before you publish that message again.
 */
export class OutboxError extends MqttError<OutboxErrorCode> {
  override get name(): "OutboxError" {
    return "OutboxError";
  }
}

/**
 * The store failed: look at the disk, at the browser's storage, or for another owner of the session. MESSAGE_KEPT is no loss: the store
 * has the message, and the next client of this session sends it; do not publish it again.
 */
export class StoreError extends MqttError<StoreErrorCode> {
  override get name(): "StoreError" {
    return "StoreError";
  }
}

/** What a schema finds wrong with a payload. */
export interface PayloadIssue {
  readonly message: string;
  /** Where in the payload, from the outermost value inwards. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The payload of a received message is not what the application expects. The publisher is at fault, and the connection stays as it is. */
export class PayloadError extends MqttError<PayloadErrorCode> {
  constructor(
    code: PayloadErrorCode,
    message: string,
    facts: ErrorFacts,
    /** What the schema found wrong. Empty with PAYLOAD_NOT_JSON. */
    readonly issues: readonly PayloadIssue[] = [],
  ) {
    super(code, message, facts);
  }

  override get name(): "PayloadError" {
    return "PayloadError";
  }
}

/** A deadline passed. */
export class TimeoutError extends MqttError<TimeoutErrorCode> {
  override get name(): "TimeoutError" {
    return "TimeoutError";
  }
}

/** The error if it is one of this library; else a TransportError CONNECTION_FAILED with the error as its cause. @param what failed */
export function toMqttError(error: unknown, what: string): MqttError {
  if (error instanceof MqttError) return error;
  return new TransportError("CONNECTION_FAILED", `${what}: ${error}`, { cause: error });
}
