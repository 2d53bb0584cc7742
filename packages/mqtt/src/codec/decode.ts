/**
 * Decodes the packets that servers send. The caller passes `decodePacket` a reader for packets that only clients send.
 */

import { Cursor, forbidden, malformed, tooLarge } from "./cursor.js";
import { MAXIMUM_ENTRIES } from "./limits.js";
import { type Packet, type PacketType, type ProtocolVersion, packetTypes } from "./packets.js";
import type { AckProperties, AuthProperties, ConnackProperties, DisconnectProperties } from "./properties.js";
import { readProperties } from "./property-coder.js";
import { readPublish } from "./publish-coder.js";
import { describeReasonCode, MAXIMUM_RETURN_CODE, mayCarry } from "./reason-codes.js";
import type { TopicCache } from "./topic-cache.js";

/** The packets that only clients send. */
export type RequestType = "connect" | "subscribe" | "unsubscribe" | "pingreq";

export interface RequestReader {
  readRequest(type: RequestType, flags: number, cursor: Cursor, version: ProtocolVersion): Packet;
}

/**
 * Decodes the packet with this first byte and the body in `bytes` from `start` to `end`. `topics` belongs to the
 * connection.
 */
export function decodePacket(
  first: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  version: ProtocolVersion,
  topics: TopicCache,
  requests: RequestReader,
): Packet {
  const flags = first & 15;
  const type = packetTypes[first >> 4] as PacketType; // `checkFirstByte` has rejected reserved types
  if (type === "publish") return readPublish(bytes, flags, start, end, version, topics);
  if (end - start === 2 && isAcknowledgement(type)) {
    const packetIdentifier = ((bytes[start] as number) << 8) | (bytes[start + 1] as number);
    // The short form, which almost all packets have. The code below reports what is wrong with others.
    if (packetIdentifier !== 0 && flags < 8) return { type, packetIdentifier, reasonCode: 0, properties: undefined };
  }
  const cursor = new Cursor(bytes, start, end);
  const packet = readBody(type, flags, cursor, version, requests);
  cursor.finish(type);
  return packet;
}

function isAcknowledgement(type: PacketType): type is Ack {
  return type === "puback" || type === "pubrec" || type === "pubrel" || type === "pubcomp";
}

/**
 * Rejects invalid packets by their first byte, before their body is received. 3.1 does not forbid flags that it does
 * not use, and allows DUP on some packets [MQTT-2.2.2-2, MQTT31-21, MQTT31-24].
 */
export function checkFirstByte(first: number, version: ProtocolVersion): void {
  const flags = first & 15;
  const type = packetTypes[first >> 4];
  if (type === undefined || (type === "auth" && version !== 5)) {
    throw malformed(`packet type ${first >> 4} is reserved`);
  }
  if (type === "publish" || version === 3) return;
  const wanted = type === "pubrel" || type === "subscribe" || type === "unsubscribe" ? 2 : 0;
  if (flags !== wanted) throw malformed(`${type}: flags ${flags} must be ${wanted} [MQTT-2.2.2-2]`);
}

function readBody(
  type: Exclude<PacketType, "publish">,
  flags: number,
  cursor: Cursor,
  version: ProtocolVersion,
  requests: RequestReader,
): Packet {
  switch (type) {
    case "connect":
    case "subscribe":
    case "unsubscribe":
    case "pingreq":
      return requests.readRequest(type, flags, cursor, version);
    case "connack":
      return readConnack(cursor, version);
    case "puback":
    case "pubrec":
    case "pubcomp":
      return { type, ...readAcknowledgement(type, cursor, version) };
    case "pubrel": {
      const dup = version === 3 && (flags & 8) !== 0;
      return { type, ...readAcknowledgement(type, cursor, version), ...(dup && { dup }) };
    }
    case "suback":
      return { type, ...readReasonCodes(type, cursor, version) };
    case "unsuback":
      if (version === 5) return { type, ...readReasonCodes(type, cursor, version) };
      return { type, packetIdentifier: cursor.packetIdentifier(type), reasonCodes: [] };
    case "pingresp":
      return { type };
    case "disconnect":
      return { type, ...readReason<DisconnectProperties>(type, cursor, version) };
    case "auth":
      return { type, ...readReason<AuthProperties>(type, cursor, version) };
  }
}

function readConnack(cursor: Cursor, version: ProtocolVersion): Packet {
  const flags = cursor.byte("connack: acknowledge flags");
  if (flags > 1 && version !== 3)
    throw malformed(`connack: acknowledge flags ${flags}, bits 7 to 1 must be 0 [MQTT-3.2.2-1]`);
  const sessionPresent = version !== 3 && flags === 1; // the byte is unused in 3.1 [MQTT31-9]
  const reasonCode = cursor.byte("connack: reason code");
  const known = version === 5 ? mayCarry("connack", reasonCode) : reasonCode <= MAXIMUM_RETURN_CODE;
  if (!known)
    throw forbidden(`connack: reason code ${describeReasonCode(reasonCode)} is not allowed in CONNACK [MQTT-3.2.2-8]`);
  if (reasonCode !== 0 && sessionPresent) {
    throw forbidden("connack: sessionPresent must be 0 in a refusal [MQTT-3.2.2-4]");
  }
  const properties = version === 5 ? (readProperties(cursor, "connack") as ConnackProperties | undefined) : undefined;
  return { type: "connack", sessionPresent, reasonCode, properties };
}

type Ack = "puback" | "pubrec" | "pubrel" | "pubcomp";

function readAcknowledgement(type: Ack, cursor: Cursor, version: ProtocolVersion) {
  const packetIdentifier = cursor.packetIdentifier(type);
  return { packetIdentifier, ...readReason<AckProperties>(type, cursor, version) };
}

/** Reads the reason code and the properties. Both may be omitted at the end of an MQTT 5 packet. */
function readReason<Properties>(type: Ack | "disconnect" | "auth", cursor: Cursor, version: ProtocolVersion) {
  if (version !== 5 || cursor.left === 0) return { reasonCode: 0, properties: undefined };
  const reasonCode = cursor.byte(`${type}: reason code`);
  if (!mayCarry(type, reasonCode))
    throw forbidden(`${type}: must not carry reason code ${describeReasonCode(reasonCode)}`);
  if (cursor.left === 0) return { reasonCode, properties: undefined };
  return { reasonCode, properties: (readProperties(cursor, type) ?? {}) as Properties };
}

function readReasonCodes(type: "suback" | "unsuback", cursor: Cursor, version: ProtocolVersion) {
  const packetIdentifier = cursor.packetIdentifier(type);
  const properties = version === 5 ? (readProperties(cursor, type) as AckProperties | undefined) : undefined;
  if (cursor.left > MAXIMUM_ENTRIES) {
    throw tooLarge(`${type}: ${cursor.left} reason codes, the limit is ${MAXIMUM_ENTRIES}`);
  }
  const reasonCodes: number[] = [];
  while (cursor.left > 0) {
    const code = cursor.byte(`${type}: reason code`);
    const known = version === 5 ? mayCarry(type, code) : code <= 2 || code === 0x80;
    if (!known) throw forbidden(`${type}: must not carry reason code ${describeReasonCode(code)} [MQTT-3.9.3-2]`);
    reasonCodes.push(code);
  }
  if (reasonCodes.length === 0) throw forbidden(`${type}: contains no reason code`);
  return { packetIdentifier, reasonCodes, properties };
}
