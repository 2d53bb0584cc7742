/**
 * The MqttError family: every error that this library throws or rejects with, except for broken invariants of its own
 * (a plain `Error("bug: …")`). Knows nothing of packets or connections.
 */

/** The codes of UsageError: the call is not valid. Correct the program. Nothing was sent. */
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

/** The codes of ClosedError: the client or the broker is not open. Connect it, or create another one. */
export type ClosedErrorCode = "CLIENT_CLOSED" | "NOT_CONNECTED" | "BROKER_CLOSED";

/** The code of AbortedError: the signal of the operation fired. */
export type AbortedErrorCode = "ABORTED";

/** The codes of ProtocolError: the peer violated the protocol. */
export type ProtocolErrorCode =
  | "MALFORMED_PACKET"
  | "PROTOCOL_ERROR"
  | "PACKET_TOO_LARGE"
  | "TOPIC_ALIAS_INVALID"
  | "TOPIC_NAME_REFUSED"
  | "RECEIVE_MAXIMUM_EXCEEDED"
  | "UNSUPPORTED_PROTOCOL_VERSION"
  | "CLIENT_IDENTIFIER_REFUSED";

/** The codes of RefusedError: the peer refused, or announced in CONNACK that it would. */
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

/** The codes of TransportError: a connection could not be made, or was lost. Try again later. */
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

/**
 * The codes of OutboxError: the options of the outbox decided against a message. Publish less, or change the options.
 */
export type OutboxErrorCode = "OUTBOX_FULL" | "OUTBOX_DROPPED" | "OUTBOX_REPLACED" | "SESSION_LOST";

/** The codes of StoreError: the store failed or is full, or it keeps a message for the next client. */
export type StoreErrorCode =
  | "STORE_LOCKED"
  | "STORE_FULL"
  | "STORE_CORRUPT"
  | "STORE_FAILED"
  | "STORE_TIMEOUT"
  | "MESSAGE_KEPT";

/** The codes of PayloadError: the payload of a received message is not what the application expects. */
export type PayloadErrorCode = "PAYLOAD_NOT_JSON" | "PAYLOAD_REFUSED";

/** The codes of TimeoutError: a deadline passed. */
export type TimeoutErrorCode =
  | "CONNECT_TIMEOUT"
  | "KEEP_ALIVE_TIMEOUT"
  | "ANSWER_TIMEOUT"
  | "MESSAGE_EXPIRED"
  | "DRAIN_TIMEOUT"
  | "HANDLER_TIMEOUT"
  | "REQUEST_TIMEOUT";

/** Every error code. `docs/errors.md` describes each of them. */
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

/**
 * The facts of an error, for programs, in addition to its code and message. The properties of MqttError describe them.
 */
export interface ErrorFacts {
  readonly cause?: unknown;
  readonly option?: string | undefined;
  readonly topic?: string | undefined;
  readonly topicFilter?: string | undefined;
  readonly mayHaveArrived?: boolean | undefined;
}

/** The base class of all errors of this library. `docs/errors.md` lists every `code`. */
export abstract class MqttError<Code extends MqttErrorCode = MqttErrorCode> extends Error implements ErrorFacts {
  /**
   * The option or argument that is not valid, or that would help, as a program writes it: "tls.ca". Undefined if there
   * is not exactly one.
   */
  readonly option: string | undefined;
  /** The topic of the message that the error is about. Undefined if there is not exactly one. */
  readonly topic: string | undefined;
  /** The topic filter that the error is about. Undefined if there is not exactly one. */
  readonly topicFilter: string | undefined;
  /**
   * Whether the server may have received the message that `publish` rejects, so that publishing it again may deliver it
   * twice. False if no byte of it can have reached the server, or if the server refused it. Undefined if the error is
   * not about one outgoing message, or if the call was rejected before there was one.
   */
  readonly mayHaveArrived: boolean | undefined;

  constructor(
    /** The error code, for programs to compare. Unlike `message`, it does not change between releases. */
    readonly code: Code,
    message: string,
    facts?: ErrorFacts,
  ) {
    // A message may contain text from a peer. Printed text must stay on one line and must not control the terminal.
    // Most messages are ASCII, and the set of all control characters takes a millisecond to build.
    super(
      message.replace(/[^ -~]/gu, (character) => character.replace(/\p{C}/u, "\ufffd")),
      facts,
    );
    Object.assign(this, facts);
  }
}

/** The call is not valid, and repeating it does not help. Correct the program. Nothing was sent. */
export class UsageError extends MqttError<UsageErrorCode> {
  override get name(): "UsageError" {
    return "UsageError";
  }
}

/**
 * The call is valid, but the client is not open: it was closed, it stopped after a final error, or it was never
 * connected. Call `connect()`, or create another client. (ALREADY_CONNECTED is a UsageError: a second `connect()` never
 * succeeds.)
 */
export class ClosedError extends MqttError<ClosedErrorCode> {
  override get name(): "ClosedError" {
    return "ClosedError";
  }
}

/**
 * The `signal` of the operation fired. `cause` is the reason of the signal. The name is "AbortError", as on the
 * platform.
 */
export class AbortedError extends MqttError<AbortedErrorCode> {
  override get name(): "AbortError" {
    return "AbortError";
  }
}

/** The peer violated the protocol. The connection is closed, and the client reconnects. */
export class ProtocolError extends MqttError<ProtocolErrorCode> {
  constructor(
    code: ProtocolErrorCode,
    /** The MQTT 5 reason code that reports the violation to the peer, 0x81 … 0xA2. */
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

/** What an MQTT 5 peer may send in addition to its reason code. The properties of RefusedError describe them. */
export interface RefusalDetails {
  readonly reasonString?: string | undefined;
  readonly serverReference?: string | undefined;
  readonly userProperties?: readonly (readonly [name: string, value: string])[] | undefined;
}

/** The peer refused, or announced in CONNACK that it would. */
export class RefusedError extends MqttError<RefusedErrorCode> {
  /** The description that the peer sent, if any. */
  declare readonly reasonString: string | undefined;
  /** Another server to use, with 0x9C (Use another server) and 0x9D (Server moved). */
  declare readonly serverReference: string | undefined;
  /** The user properties that the peer sent. Empty if there are none. */
  declare readonly userProperties: readonly (readonly [name: string, value: string])[];

  constructor(
    code: RefusedErrorCode,
    /** The reason code of the peer (MQTT 5) or its return code (3.1 and 3.1.1), as in the packet. */
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
 * A connection could not be made, or was lost: a later retry may help. OPTION_FAILED belongs here, because the client
 * calls the function of an option again at the next attempt. Most often, such a function fails because it cannot reach
 * a server of its own.
 */
export class TransportError extends MqttError<TransportErrorCode> {
  override get name(): "TransportError" {
    return "TransportError";
  }
}

/**
 * The outbox could not accept or keep a message, according to its options. The network is not the cause, and an
 * immediate retry fails again. SESSION_LOST is the effect of `outbox.sessionLost` "reject": check `mayHaveArrived`
 * before you publish that message again.
 */
export class OutboxError extends MqttError<OutboxErrorCode> {
  override get name(): "OutboxError" {
    return "OutboxError";
  }
}

/**
 * The store failed: check the disk, the browser's storage, or whether the session has another owner. MESSAGE_KEPT is
 * not a loss: the store has the message, and the next client of this session sends it. Do not publish it again.
 */
export class StoreError extends MqttError<StoreErrorCode> {
  override get name(): "StoreError" {
    return "StoreError";
  }
}

/** One problem that a schema found in a payload. */
export interface PayloadIssue {
  /** The problem, in words. */
  readonly message: string;
  /** The place in the payload, from the outermost value inwards. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/**
 * The payload of a received message is not what the application expects. The publisher is at fault; the connection is
 * not affected.
 */
export class PayloadError extends MqttError<PayloadErrorCode> {
  constructor(
    code: PayloadErrorCode,
    message: string,
    facts: ErrorFacts,
    /** The problems that the schema found. Empty with PAYLOAD_NOT_JSON. */
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

/**
 * Returns the error if it is an error of this library. Otherwise returns a TransportError CONNECTION_FAILED with the
 * error as its cause. @param what the operation that failed
 */
export function toMqttError(error: unknown, what: string): MqttError {
  if (error instanceof MqttError) return error;
  return new TransportError("CONNECTION_FAILED", `${what}: ${error}`, { cause: error });
}
