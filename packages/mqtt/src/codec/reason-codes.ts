/** The reason codes of MQTT 5.0 with the packets that may carry them [MQTT5 2.4], and the return codes before it. */

import type { PacketType } from "./packets.js";

const table: readonly (readonly [code: number, name: string, packets: string])[] = [
  [0x00, "Success", "connack puback pubrec pubrel pubcomp suback unsuback disconnect auth"],
  [0x01, "Granted QoS 1", "suback"],
  [0x02, "Granted QoS 2", "suback"],
  [0x04, "Disconnect with Will Message", "disconnect"],
  [0x10, "No matching subscribers", "puback pubrec"],
  [0x11, "No subscription existed", "unsuback"],
  [0x18, "Continue authentication", "auth"],
  [0x19, "Re-authenticate", "auth"],
  [0x80, "Unspecified error", "connack puback pubrec suback unsuback disconnect"],
  [0x81, "Malformed Packet", "connack disconnect"],
  [0x82, "Protocol Error", "connack disconnect"],
  [0x83, "Implementation specific error", "connack puback pubrec suback unsuback disconnect"],
  [0x84, "Unsupported Protocol Version", "connack"],
  [0x85, "Client Identifier not valid", "connack"],
  [0x86, "Bad User Name or Password", "connack"],
  [0x87, "Not authorized", "connack puback pubrec suback unsuback disconnect"],
  [0x88, "Server unavailable", "connack"],
  [0x89, "Server busy", "connack disconnect"],
  [0x8a, "Banned", "connack"],
  [0x8b, "Server shutting down", "disconnect"],
  [0x8c, "Bad authentication method", "connack disconnect"],
  [0x8d, "Keep Alive timeout", "disconnect"],
  [0x8e, "Session taken over", "disconnect"],
  [0x8f, "Topic Filter invalid", "suback unsuback disconnect"],
  [0x90, "Topic Name invalid", "connack puback pubrec disconnect"],
  [0x91, "Packet Identifier in use", "puback pubrec suback unsuback"],
  [0x92, "Packet Identifier not found", "pubrel pubcomp"],
  [0x93, "Receive Maximum exceeded", "disconnect"],
  [0x94, "Topic Alias invalid", "disconnect"],
  [0x95, "Packet too large", "connack disconnect"],
  [0x96, "Message rate too high", "disconnect"],
  [0x97, "Quota exceeded", "connack puback pubrec suback disconnect"],
  [0x98, "Administrative action", "disconnect"],
  [0x99, "Payload format invalid", "connack puback pubrec disconnect"],
  [0x9a, "Retain not supported", "connack disconnect"],
  [0x9b, "QoS not supported", "connack disconnect"],
  [0x9c, "Use another server", "connack disconnect"],
  [0x9d, "Server moved", "connack disconnect"],
  [0x9e, "Shared Subscriptions not supported", "suback disconnect"],
  [0x9f, "Connection rate exceeded", "connack disconnect"],
  [0xa0, "Maximum connect time", "disconnect"],
  [0xa1, "Subscription Identifiers not supported", "suback disconnect"],
  [0xa2, "Wildcard Subscriptions not supported", "suback disconnect"],
];

interface ReasonCode {
  readonly name: string;
  readonly packets: ReadonlySet<PacketType>;
}

const byCode = new Map<number, ReasonCode>(
  table.map(([code, name, packets]) => [code, { name, packets: new Set(packets.split(" ") as PacketType[]) }]),
);

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

/** Whether MQTT 5.0 lets a packet of this type carry `code`. */
export function mayCarry(type: PacketType, code: number): boolean {
  return byCode.get(code)?.packets.has(type) ?? false;
}

/**
 * A code in words, for messages: `0x87 (Not authorized)`.
 *
 * @example describeReasonCode(0x8e) // "0x8E (Session taken over)"
 */
export function describeReasonCode(code: number): string {
  const name = byCode.get(code)?.name;
  const hex = `0x${code.toString(16).toUpperCase().padStart(2, "0")}`;
  return name ? `${hex} (${name})` : hex;
}

/** A return code of CONNACK in 3.1 and 3.1.1 in words: `5 (Not authorized)`. */
export function describeReturnCode(code: number): string {
  const name = returnCodes[code];
  return name ? `${code} (${name})` : `${code}`;
}
