/**
 * The reason codes of MQTT 5.0 with the packets that may carry them [MQTT5 2.4], and the return codes of earlier
 * versions.
 */

import {
  ADMINISTRATIVE_ACTION,
  BAD_AUTHENTICATION_METHOD,
  BAD_USER_NAME_OR_PASSWORD,
  BANNED,
  CLIENT_IDENTIFIER_NOT_VALID,
  CONNECTION_RATE_EXCEEDED,
  CONTINUE_AUTHENTICATION,
  DISCONNECT_WITH_WILL_MESSAGE,
  GRANTED_QOS_1,
  GRANTED_QOS_2,
  IMPLEMENTATION_SPECIFIC_ERROR,
  KEEP_ALIVE_TIMEOUT,
  MALFORMED_PACKET,
  MAXIMUM_CONNECT_TIME,
  MESSAGE_RATE_TOO_HIGH,
  NO_MATCHING_SUBSCRIBERS,
  NO_SUBSCRIPTION_EXISTED,
  NOT_AUTHORIZED,
  PACKET_IDENTIFIER_IN_USE,
  PACKET_IDENTIFIER_NOT_FOUND,
  PACKET_TOO_LARGE,
  PAYLOAD_FORMAT_INVALID,
  PROTOCOL_ERROR,
  QOS_NOT_SUPPORTED,
  QUOTA_EXCEEDED,
  RE_AUTHENTICATE,
  RECEIVE_MAXIMUM_EXCEEDED,
  RETAIN_NOT_SUPPORTED,
  SERVER_BUSY,
  SERVER_MOVED,
  SERVER_SHUTTING_DOWN,
  SERVER_UNAVAILABLE,
  SESSION_TAKEN_OVER,
  SHARED_SUBSCRIPTIONS_NOT_SUPPORTED,
  SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
  SUCCESS,
  TOPIC_ALIAS_INVALID,
  TOPIC_FILTER_INVALID,
  TOPIC_NAME_INVALID,
  UNSPECIFIED_ERROR,
  UNSUPPORTED_PROTOCOL_VERSION,
  USE_ANOTHER_SERVER,
  WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED,
} from "../reason-code.js";
import type { PacketType } from "./packets.js";

const table: readonly (readonly [code: number, name: string, packets: string])[] = [
  [SUCCESS, "Success", "connack puback pubrec pubrel pubcomp suback unsuback disconnect auth"],
  [GRANTED_QOS_1, "Granted QoS 1", "suback"],
  [GRANTED_QOS_2, "Granted QoS 2", "suback"],
  [DISCONNECT_WITH_WILL_MESSAGE, "Disconnect with Will Message", "disconnect"],
  [NO_MATCHING_SUBSCRIBERS, "No matching subscribers", "puback pubrec"],
  [NO_SUBSCRIPTION_EXISTED, "No subscription existed", "unsuback"],
  [CONTINUE_AUTHENTICATION, "Continue authentication", "auth"],
  [RE_AUTHENTICATE, "Re-authenticate", "auth"],
  [UNSPECIFIED_ERROR, "Unspecified error", "connack puback pubrec suback unsuback disconnect"],
  [MALFORMED_PACKET, "Malformed Packet", "connack disconnect"],
  [PROTOCOL_ERROR, "Protocol Error", "connack disconnect"],
  [IMPLEMENTATION_SPECIFIC_ERROR, "Implementation specific error", "connack puback pubrec suback unsuback disconnect"],
  [UNSUPPORTED_PROTOCOL_VERSION, "Unsupported Protocol Version", "connack"],
  [CLIENT_IDENTIFIER_NOT_VALID, "Client Identifier not valid", "connack"],
  [BAD_USER_NAME_OR_PASSWORD, "Bad User Name or Password", "connack"],
  [NOT_AUTHORIZED, "Not authorized", "connack puback pubrec suback unsuback disconnect"],
  [SERVER_UNAVAILABLE, "Server unavailable", "connack"],
  [SERVER_BUSY, "Server busy", "connack disconnect"],
  [BANNED, "Banned", "connack"],
  [SERVER_SHUTTING_DOWN, "Server shutting down", "disconnect"],
  [BAD_AUTHENTICATION_METHOD, "Bad authentication method", "connack disconnect"],
  [KEEP_ALIVE_TIMEOUT, "Keep Alive timeout", "disconnect"],
  [SESSION_TAKEN_OVER, "Session taken over", "disconnect"],
  [TOPIC_FILTER_INVALID, "Topic Filter invalid", "suback unsuback disconnect"],
  [TOPIC_NAME_INVALID, "Topic Name invalid", "connack puback pubrec disconnect"],
  [PACKET_IDENTIFIER_IN_USE, "Packet Identifier in use", "puback pubrec suback unsuback"],
  [PACKET_IDENTIFIER_NOT_FOUND, "Packet Identifier not found", "pubrel pubcomp"],
  [RECEIVE_MAXIMUM_EXCEEDED, "Receive Maximum exceeded", "disconnect"],
  [TOPIC_ALIAS_INVALID, "Topic Alias invalid", "disconnect"],
  [PACKET_TOO_LARGE, "Packet too large", "connack disconnect"],
  [MESSAGE_RATE_TOO_HIGH, "Message rate too high", "disconnect"],
  [QUOTA_EXCEEDED, "Quota exceeded", "connack puback pubrec suback disconnect"],
  [ADMINISTRATIVE_ACTION, "Administrative action", "disconnect"],
  [PAYLOAD_FORMAT_INVALID, "Payload format invalid", "connack puback pubrec disconnect"],
  [RETAIN_NOT_SUPPORTED, "Retain not supported", "connack disconnect"],
  [QOS_NOT_SUPPORTED, "QoS not supported", "connack disconnect"],
  [USE_ANOTHER_SERVER, "Use another server", "connack disconnect"],
  [SERVER_MOVED, "Server moved", "connack disconnect"],
  [SHARED_SUBSCRIPTIONS_NOT_SUPPORTED, "Shared Subscriptions not supported", "suback disconnect"],
  [CONNECTION_RATE_EXCEEDED, "Connection rate exceeded", "connack disconnect"],
  [MAXIMUM_CONNECT_TIME, "Maximum connect time", "disconnect"],
  [SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED, "Subscription Identifiers not supported", "suback disconnect"],
  [WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED, "Wildcard Subscriptions not supported", "suback disconnect"],
];

const byCode = new Map(table.map((row) => [row[0], row]));
/** Filled at the first use of a code: most programs never receive most of them. */
const packetsByCode = new Map<number, ReadonlySet<string>>();

/** Return codes of CONNACK in 3.1 and 3.1.1 [MQTT31-8]. */
const returnCodes = [
  "Connection accepted",
  "Unacceptable protocol version",
  "Identifier rejected",
  "Server unavailable",
  "Bad user name or password",
  "Not authorized",
] as const;

export const MAXIMUM_RETURN_CODE = returnCodes.length - 1;

/** Returns whether MQTT 5.0 allows a packet of this type to carry `code`. */
export function mayCarry(type: PacketType, code: number): boolean {
  const known = packetsByCode.get(code);
  if (known !== undefined) return known.has(type);
  const row = byCode.get(code);
  if (row === undefined) return false;
  const packets = new Set(row[2].split(" "));
  packetsByCode.set(code, packets);
  return packets.has(type);
}

/**
 * Returns a reason code in words, for messages.
 *
 * @example describeReasonCode(0x8e) // "0x8E (Session taken over)"
 */
export function describeReasonCode(code: number): string {
  const name = byCode.get(code)?.[1];
  const hex = `0x${code.toString(16).toUpperCase().padStart(2, "0")}`;
  return name ? `${hex} (${name})` : hex;
}

/**
 * Returns a return code of CONNACK in 3.1 and 3.1.1 in words, for messages.
 *
 * @example describeReturnCode(5) // "5 (Not authorized)"
 */
export function describeReturnCode(code: number): string {
  const name = returnCodes[code];
  return name ? `${code} (${name})` : `${code}`;
}
