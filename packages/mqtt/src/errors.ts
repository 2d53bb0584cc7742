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
  | "CLIENT_CLOSED"
  | "NOT_CONNECTED"
  | "ABORTED";

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

/** The peer said no, or has said beforehand (in CONNACK) that it would. */
export type RefusedErrorCode =
  | "CONNECT_REFUSED"
  | "PUBLISH_REFUSED"
  | "SUBSCRIBE_REFUSED"
  | "UNSUBSCRIBE_REFUSED"
  | "DISCONNECTED_BY_SERVER"
  | "TAKEN_OVER"
  | "AUTHENTICATION_FAILED"
  | "MAXIMUM_QOS_EXCEEDED"
  | "RETAIN_NOT_AVAILABLE"
  | "MAXIMUM_PACKET_SIZE_EXCEEDED"
  | "WILDCARD_SUBSCRIPTION_NOT_AVAILABLE"
  | "SHARED_SUBSCRIPTION_NOT_AVAILABLE"
  | "SUBSCRIPTION_IDENTIFIER_NOT_AVAILABLE";

/** The network failed, or the store. */
export type TransportErrorCode =
  | "CONNECTION_FAILED"
  | "CONNECTION_LOST"
  | "OPTION_FAILED"
  | "TLS_FAILED"
  | "PROXY_FAILED"
  | "WEBSOCKET_FAILED"
  | "LISTEN_FAILED"
  | "OUTBOX_FULL"
  | "OUTBOX_DROPPED"
  | "OUTBOX_REPLACED"
  | "SESSION_LOST"
  | "MESSAGE_KEPT"
  | "PUBLISH_UNANSWERED"
  | "SUBSCRIBE_UNANSWERED"
  | "UNSUBSCRIBE_UNANSWERED"
  | "STORE_LOCKED"
  | "STORE_FULL"
  | "STORE_CORRUPT"
  | "STORE_FAILED";

/** A deadline passed. */
export type TimeoutErrorCode =
  | "CONNECT_TIMEOUT"
  | "KEEP_ALIVE_TIMEOUT"
  | "ANSWER_TIMEOUT"
  | "MESSAGE_EXPIRED"
  | "DRAIN_TIMEOUT"
  | "HANDLER_TIMEOUT"
  | "STORE_TIMEOUT"
  | "REQUEST_TIMEOUT";

export type MqttErrorCode =
  | UsageErrorCode
  | ProtocolErrorCode
  | RefusedErrorCode
  | TransportErrorCode
  | TimeoutErrorCode;

/** What all errors of this library have in common. `docs/errors.md` lists every `code`. */
export abstract class MqttError<Code extends MqttErrorCode = MqttErrorCode> extends Error {
  constructor(
    /** A literal that programs may compare; it does not change between releases, unlike `message`. */
    readonly code: Code,
    message: string,
    options?: { cause?: unknown },
  ) {
    // A peer's words may stand in it, and what is printed must stay on its line and not command a terminal.
    super(message.replace(/\p{C}/gu, "\ufffd"), options);
  }
}

export class UsageError extends MqttError<UsageErrorCode> {
  override readonly name = "UsageError";
}

export class ProtocolError extends MqttError<ProtocolErrorCode> {
  override readonly name = "ProtocolError";
  constructor(
    code: ProtocolErrorCode,
    /** The MQTT 5 reason code that tells the peer what it did wrong, 0x81 … 0xA2. */
    readonly reasonCode: number,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(code, message, options);
  }
}

/** What an MQTT 5 peer may say beside its reason code. */
export interface RefusalDetails {
  readonly reasonString?: string | undefined;
  readonly serverReference?: string | undefined;
  readonly userProperties?: readonly (readonly [name: string, value: string])[] | undefined;
}

export class RefusedError extends MqttError<RefusedErrorCode> {
  override readonly name = "RefusedError";
  /** The peer's own words, where it gave any. */
  readonly reasonString: string | undefined;
  /** Another server to use, with 0x9C (Use another server) and 0x9D (Server moved). */
  readonly serverReference: string | undefined;
  readonly userProperties: readonly (readonly [name: string, value: string])[];

  constructor(
    code: RefusedErrorCode,
    /** The peer's reason code (MQTT 5) or return code (3.1 and 3.1.1), as it stood in the packet. */
    readonly reasonCode: number,
    message: string,
    details: RefusalDetails = {},
  ) {
    super(code, details.reasonString === undefined ? message : `${message}, "${details.reasonString}"`);
    this.reasonString = details.reasonString;
    this.serverReference = details.serverReference;
    this.userProperties = details.userProperties ?? [];
  }
}

export class TransportError extends MqttError<TransportErrorCode> {
  override readonly name = "TransportError";
}

export class TimeoutError extends MqttError<TimeoutErrorCode> {
  override readonly name = "TimeoutError";
}
