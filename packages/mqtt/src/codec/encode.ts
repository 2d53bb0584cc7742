/**
 * Encodes packets: `encode` for any packet, and the functions with which sessions write directly into a connection's
 * buffer. Packets that only servers send are separate, so that a client's bundle does not contain them.
 */

import { UsageError } from "../errors.js";
import { assertTopicFilter } from "../topic/topic-filter.js";
import { BodyWriter } from "./body-writer.js";
import { writeConnect } from "./connect-coder.js";
import { MAXIMUM_CONTROL_SIZE, MAXIMUM_ENTRIES } from "./limits.js";
import { OutputBuffer } from "./output-buffer.js";
import {
  type Packet,
  type PacketType,
  type ProtocolVersion,
  packetTypes,
  type SubscriptionRequest,
} from "./packets.js";
import { writeProperties } from "./property-coder.js";
import { writePublishPacket } from "./publish-coder.js";
import { describeReasonCode, MAXIMUM_RETURN_CODE, mayCarry } from "./reason-codes.js";
import { variableByteIntegerLength, writeVariableByteInteger } from "./variable-byte-integer.js";

/** The buffer that `encode` writes to. A new array for each packet would take several times as long as encoding it. */
const POOL = 8_192;
const pool = new OutputBuffer(POOL, POOL);

/**
 * Encodes a packet in the given version of the protocol. The bytes belong to the caller. Their `buffer` may also
 * contain other packets, so copy them (`slice`) before you transfer it.
 *
 * @throws UsageError if a field is not valid in this version; the message names the field, its value and the rule
 * @example encode({ type: "pingreq" }, 5) // Uint8Array [0xc0, 0x00]
 */
export function encode(packet: Packet, version: ProtocolVersion): Uint8Array {
  return encodeBy(writeBody, packet, version);
}

/** A packet that a client, or either side, may send. */
export type ClientPacket = Exclude<Packet, { type: ServerPacketType }>;

/** Like `encode`, for the packets of a client. */
export function encodeClientPacket(packet: ClientPacket, version: ProtocolVersion): Uint8Array {
  return encodeBy(writeClientBody, packet, version);
}

type ServerPacketType = "connack" | "suback" | "unsuback" | "pingresp";
type BodyOf<Packets> = Exclude<Packets, { type: "publish" }>;
/** Writes the body and returns the flags of the fixed header. */
type WriteBody<Packets> = (body: BodyWriter, packet: BodyOf<Packets>, version: ProtocolVersion) => number;

function encodeBy<Packets extends Packet>(
  writeBody: WriteBody<Packets>,
  packet: Packets,
  version: ProtocolVersion,
): Uint8Array {
  pool.clear(); // discards the rest of a packet that could not be encoded
  writeBy(writeBody, pool, packet, version);
  const chunks = pool.take();
  if (chunks.length === 1) return chunks[0] as Uint8Array;
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** Like `encode`, but appends to `out`. Returns the packet's length in bytes. */
export function writePacket(out: OutputBuffer, packet: Packet, version: ProtocolVersion): number {
  return writeBy(writeBody, out, packet, version);
}

/** Like `writePacket`, for the packets of a client. */
export function writeClientPacket(out: OutputBuffer, packet: ClientPacket, version: ProtocolVersion): number {
  return writeBy(writeClientBody, out, packet, version);
}

function writeBy<Packets extends Packet>(
  writeBody: WriteBody<Packets>,
  out: OutputBuffer,
  packet: Packets,
  version: ProtocolVersion,
): number {
  if (packet.type === "publish") {
    const before = out.length;
    writePublishPacket(out, version, packet);
    return out.length - before;
  }
  const number = packetTypes.indexOf(packet.type);
  if (number < 1 || (packet.type === "auth" && version !== 5)) {
    throw new UsageError("PACKET_INVALID", `type "${packet.type}": is not a packet of MQTT version ${version}`);
  }
  const body = new BodyWriter();
  const flags = writeBody(body, packet as BodyOf<Packets>, version);
  const size = 1 + variableByteIntegerLength(body.length) + body.length;
  if (size > MAXIMUM_CONTROL_SIZE) {
    throw new UsageError("PACKET_INVALID", `${packet.type}: takes ${size} bytes; the limit is ${MAXIMUM_CONTROL_SIZE}`);
  }
  const at = out.reserve(size);
  out.bytes[at] = (number << 4) | flags;
  const start = writeVariableByteInteger(body.length, out.bytes, at + 1);
  out.bytes.set(body.bytes.subarray(0, body.length), start);
  return size;
}

/** The first bytes of the acknowledgements. */
export const PUBACK = 0x40;
export const PUBREC = 0x50;
export const PUBREL = 0x62;
export const PUBCOMP = 0x70;

/** Writes an acknowledgement of success: four bytes in every version. */
export function writeAcknowledgement(out: OutputBuffer, first: number, packetIdentifier: number): void {
  const at = out.reserve(4);
  const bytes = out.bytes;
  bytes[at] = first;
  bytes[at + 1] = 2;
  bytes[at + 2] = packetIdentifier >>> 8;
  bytes[at + 3] = packetIdentifier;
}

function writeBody(body: BodyWriter, packet: BodyOf<Packet>, version: ProtocolVersion): number {
  switch (packet.type) {
    case "connack":
      if (packet.sessionPresent && packet.reasonCode !== 0) {
        throw new UsageError(
          "PACKET_INVALID",
          `connack: sessionPresent must be false with reasonCode ${packet.reasonCode} [MQTT-3.2.2-4]`,
        );
      }
      body.byte(packet.sessionPresent && version !== 3 ? 1 : 0); // the byte is unused in 3.1 [MQTT31-9]
      body.byte(connackCode(packet.reasonCode, version));
      if (version === 5) writeProperties(body, packet.type, packet.properties);
      return 0;
    case "suback":
    case "unsuback":
      writeIdentifier(body, packet);
      if (version === 5) writeProperties(body, packet.type, packet.properties);
      if (packet.type === "suback" || version === 5) {
        notEmpty(packet.type, "reasonCodes", packet.reasonCodes);
        for (const code of packet.reasonCodes) body.byte(reasonCode(packet.type, code, version));
      }
      return 0;
    case "pingresp":
      return 0;
    default:
      return writeClientBody(body, packet, version);
  }
}

function writeClientBody(body: BodyWriter, packet: BodyOf<ClientPacket>, version: ProtocolVersion): number {
  switch (packet.type) {
    case "connect":
      writeConnect(body, packet, version);
      return 0;
    case "puback":
    case "pubrec":
    case "pubcomp":
      writeIdentifier(body, packet);
      writeReason(body, packet, version);
      return 0;
    case "pubrel":
      writeIdentifier(body, packet);
      writeReason(body, packet, version);
      return packet.dup ? dupFlags(packet.type, version) : 2;
    case "subscribe":
      writeIdentifier(body, packet);
      if (version === 5) writeProperties(body, packet.type, packet.properties);
      notEmpty(packet.type, "subscriptions", packet.subscriptions);
      for (const subscription of packet.subscriptions) writeSubscription(body, subscription, version);
      return packet.dup ? dupFlags(packet.type, version) : 2;
    case "unsubscribe":
      writeIdentifier(body, packet);
      if (version === 5) writeProperties(body, packet.type, packet.properties);
      notEmpty(packet.type, "topicFilters", packet.topicFilters);
      for (const topicFilter of packet.topicFilters) {
        assertTopicFilter(topicFilter);
        body.text("topicFilter", topicFilter);
      }
      return packet.dup ? dupFlags(packet.type, version) : 2;
    case "pingreq":
      return 0;
    case "disconnect":
    case "auth":
      writeReason(body, packet, version);
      return 0;
  }
}

function writeIdentifier(body: BodyWriter, packet: { type: string; packetIdentifier: number }): void {
  const { packetIdentifier } = packet;
  if (!Number.isInteger(packetIdentifier) || packetIdentifier < 1 || packetIdentifier > 0xffff) {
    throw new UsageError(
      "PACKET_INVALID",
      `${packet.type}: packetIdentifier ${packetIdentifier} must be an integer from 1 to 65,535 [MQTT-2.3.1-1]`,
    );
  }
  body.twoByte(packetIdentifier);
}

/** Omits the properties if there are none, and then the reason code if it is 0. */
function writeReason(
  body: BodyWriter,
  packet: Extract<Packet, { type: "puback" | "pubrec" | "pubrel" | "pubcomp" | "disconnect" | "auth" }>,
  version: ProtocolVersion,
): void {
  if (version !== 5) {
    if (packet.reasonCode !== 0) {
      throw new UsageError("PACKET_INVALID", `${packet.type}: reasonCode ${packet.reasonCode} requires MQTT 5`);
    }
    return;
  }
  const code = reasonCode(packet.type, packet.reasonCode, version);
  if (code === 0 && packet.properties === undefined) return;
  body.byte(code);
  if (packet.properties !== undefined) writeProperties(body, packet.type, packet.properties);
}

function reasonCode(type: PacketType, code: number, version: ProtocolVersion): number {
  const allowed = version === 5 ? mayCarry(type, code) : code === 0 || code === 1 || code === 2 || code === 0x80;
  if (allowed) return code;
  throw new UsageError("PACKET_INVALID", `${type}: must not carry reasonCode ${describeReasonCode(code)}`);
}

function connackCode(code: number, version: ProtocolVersion): number {
  if (version === 5) return reasonCode("connack", code, version);
  if (Number.isInteger(code) && code >= 0 && code <= MAXIMUM_RETURN_CODE) return code;
  throw new UsageError(
    "PACKET_INVALID",
    `connack: return code ${code} must be 0 … ${MAXIMUM_RETURN_CODE} before MQTT 5`,
  );
}

function dupFlags(type: string, version: ProtocolVersion): number {
  if (version === 3) return 10;
  throw new UsageError("PACKET_INVALID", `${type}: dup exists only in MQTT 3.1 [MQTT31-21]`);
}

function notEmpty(type: string, field: string, list: readonly unknown[]): void {
  if (list.length === 0) throw new UsageError("PACKET_INVALID", `${type}: ${field} must not be empty`);
  if (list.length <= MAXIMUM_ENTRIES) return;
  throw new UsageError(
    "PACKET_INVALID",
    `${type}: ${field} has ${list.length} entries; the limit is ${MAXIMUM_ENTRIES}`,
  );
}

function writeSubscription(body: BodyWriter, subscription: SubscriptionRequest, version: ProtocolVersion): void {
  const { topicFilter, qos, noLocal = false, retainAsPublished = false, retainHandling = 0 } = subscription;
  assertTopicFilter(topicFilter);
  if (qos !== 0 && qos !== 1 && qos !== 2)
    throw new UsageError("PACKET_INVALID", `subscribe: qos ${qos} must be 0, 1 or 2`);
  if (retainHandling !== 0 && retainHandling !== 1 && retainHandling !== 2) {
    throw new UsageError("PACKET_INVALID", `subscribe: retainHandling ${retainHandling} must be 0, 1 or 2`);
  }
  const options = (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4);
  if (options !== 0 && version !== 5) {
    const field = noLocal
      ? "noLocal true"
      : retainAsPublished
        ? "retainAsPublished true"
        : `retainHandling ${retainHandling}`;
    throw new UsageError("PACKET_INVALID", `subscribe: ${field} requires MQTT 5`);
  }
  if (noLocal && topicFilter.startsWith("$share/")) {
    throw new UsageError(
      "PACKET_INVALID",
      "subscribe: noLocal must not be set on a shared subscription [MQTT5-3.8.3-4]",
    );
  }
  body.text("topicFilter", topicFilter);
  body.byte(qos | options);
}
