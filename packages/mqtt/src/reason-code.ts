/**
 * The reason codes of MQTT 5.0 by the specification's names [MQTT5 2.4]. A code below 0x80 means success. Each code is
 * a separate constant, so that bundlers keep only those that a program uses.
 *
 * @example
 * import { ReasonCode, RefusedError } from "@aiko/mqtt";
 * if (error instanceof RefusedError && error.reasonCode === ReasonCode.NOT_AUTHORIZED) askForPassword();
 */

/** 0x00: the operation succeeded. In SUBACK: QoS 0 is granted. In DISCONNECT: a normal end, without the will. */
export const SUCCESS = 0x00;
/** 0x01: the subscription is granted at QoS 1. */
export const GRANTED_QOS_1 = 0x01;
/** 0x02: the subscription is granted at QoS 2. */
export const GRANTED_QOS_2 = 0x02;
/** 0x04: the client disconnects, and the server must publish its will. */
export const DISCONNECT_WITH_WILL_MESSAGE = 0x04;
/** 0x10: the message was accepted, but no client subscribes to the topic. */
export const NO_MATCHING_SUBSCRIBERS = 0x10;
/** 0x11: the client had no subscription with this topic filter. */
export const NO_SUBSCRIPTION_EXISTED = 0x11;
/** 0x18: the authentication continues with another step. */
export const CONTINUE_AUTHENTICATION = 0x18;
/** 0x19: the client starts a re-authentication. */
export const RE_AUTHENTICATE = 0x19;
/** 0x80: the operation failed, and the peer gives no reason, or no other code fits. */
export const UNSPECIFIED_ERROR = 0x80;
/** 0x81: a packet could not be parsed according to the specification. */
export const MALFORMED_PACKET = 0x81;
/** 0x82: a packet was not expected at this point, or its contents break the protocol. */
export const PROTOCOL_ERROR = 0x82;
/** 0x83: the packet is valid, but this implementation does not accept it. */
export const IMPLEMENTATION_SPECIFIC_ERROR = 0x83;
/** 0x84: the server does not support this version of MQTT. */
export const UNSUPPORTED_PROTOCOL_VERSION = 0x84;
/** 0x85: the client identifier is valid, but the server does not allow it. */
export const CLIENT_IDENTIFIER_NOT_VALID = 0x85;
/** 0x86: the server does not accept the user name or the password. */
export const BAD_USER_NAME_OR_PASSWORD = 0x86;
/** 0x87: the client is not authorized to do this. */
export const NOT_AUTHORIZED = 0x87;
/** 0x88: the server is not available. */
export const SERVER_UNAVAILABLE = 0x88;
/** 0x89: the server is busy. Try again later. */
export const SERVER_BUSY = 0x89;
/** 0x8A: the client was banned by an administrator. */
export const BANNED = 0x8a;
/** 0x8B: the server is shutting down. */
export const SERVER_SHUTTING_DOWN = 0x8b;
/** 0x8C: the authentication method is not supported, or not the one in use. */
export const BAD_AUTHENTICATION_METHOD = 0x8c;
/** 0x8D: the server received no packet for 1.5 times the keep-alive. */
export const KEEP_ALIVE_TIMEOUT = 0x8d;
/** 0x8E: another connection uses the same client identifier. */
export const SESSION_TAKEN_OVER = 0x8e;
/** 0x8F: the topic filter is well formed, but the server does not accept it. */
export const TOPIC_FILTER_INVALID = 0x8f;
/** 0x90: the topic name is well formed, but the peer does not accept it. */
export const TOPIC_NAME_INVALID = 0x90;
/** 0x91: the packet identifier is already in use. The session states of client and server may differ. */
export const PACKET_IDENTIFIER_IN_USE = 0x91;
/** 0x92: the packet identifier is not known. The session states of client and server may differ. */
export const PACKET_IDENTIFIER_NOT_FOUND = 0x92;
/** 0x93: the peer sent more unacknowledged messages than the Receive Maximum allows. */
export const RECEIVE_MAXIMUM_EXCEEDED = 0x93;
/** 0x94: the topic alias is 0, greater than the Topic Alias Maximum, or not assigned to a topic. */
export const TOPIC_ALIAS_INVALID = 0x94;
/** 0x95: the packet is larger than the Maximum Packet Size. */
export const PACKET_TOO_LARGE = 0x95;
/** 0x96: the peer sends too many messages in too short a time. */
export const MESSAGE_RATE_TOO_HIGH = 0x96;
/** 0x97: a limit of the implementation or of an administrator is exceeded. */
export const QUOTA_EXCEEDED = 0x97;
/** 0x98: an administrator closed the connection. */
export const ADMINISTRATIVE_ACTION = 0x98;
/** 0x99: the payload does not match the Payload Format Indicator. */
export const PAYLOAD_FORMAT_INVALID = 0x99;
/** 0x9A: the server does not support retained messages. */
export const RETAIN_NOT_SUPPORTED = 0x9a;
/** 0x9B: the QoS is higher than the Maximum QoS of the server. */
export const QOS_NOT_SUPPORTED = 0x9b;
/** 0x9C: the client must use another server for now. */
export const USE_ANOTHER_SERVER = 0x9c;
/** 0x9D: the client must use another server permanently. */
export const SERVER_MOVED = 0x9d;
/** 0x9E: the server does not support shared subscriptions. */
export const SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9e;
/** 0x9F: the client connects too often. */
export const CONNECTION_RATE_EXCEEDED = 0x9f;
/** 0xA0: the connection lasted for the maximum time that the server allows. */
export const MAXIMUM_CONNECT_TIME = 0xa0;
/** 0xA1: the server does not support subscription identifiers. */
export const SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED = 0xa1;
/** 0xA2: the server does not support wildcards in topic filters. */
export const WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED = 0xa2;
