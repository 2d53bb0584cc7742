/** Encodes and decodes PUBLISH. Its speed matters most, so it is written by hand, without intermediate objects. */

import { ProtocolError, UsageError } from "../errors.js";
import { utf8Length, writeUtf8 } from "../platform/text.js";
import { TOPIC_NAME_INVALID } from "../reason-code.js";
import { shownValue } from "../topic/shown-value.js";
import { assertTopicName, topicNameProblem } from "../topic/topic-name.js";
import { BodyWriter } from "./body-writer.js";
import { Cursor, forbidden, malformed } from "./cursor.js";
import type { OutputBuffer } from "./output-buffer.js";
import type { ProtocolVersion, PublishPacket, QoS } from "./packets.js";
import type { PublishProperties } from "./properties.js";
import { readProperties, writeProperties } from "./property-coder.js";
import type { TopicCache } from "./topic-cache.js";
import {
  MAXIMUM_VARIABLE_BYTE_INTEGER,
  variableByteIntegerLength,
  writeVariableByteInteger,
} from "./variable-byte-integer.js";

/**
 * A payload of at least this many bytes is sent by reference; smaller ones are cheaper to copy. Node's sockets answer a
 * write of this size with "wait". So the payload is not reported as sent before it has left.
 */
export const BY_REFERENCE = 65_536;

/** The property's identifier. */
const TOPIC_ALIAS = 0x23;

/** The fields of a PUBLISH. The caller has checked the topic. */
export interface PublishFields {
  readonly topic: string;
  readonly payload: Uint8Array | string;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties?: PublishProperties | undefined;
}

/** Returns how many bytes the payload takes in the packet. */
export function payloadLength(payload: Uint8Array | string): number {
  return typeof payload === "string" ? utf8Length(payload) : payload.length;
}

/**
 * Encodes a PUBLISH at the end of `out` and returns the packet's length in bytes. Returns 0, and writes nothing, if it
 * would be longer than `maximumPacketSize`.
 *
 * @param topicAlias MQTT 5: above 0, the alias to set along with the topic name; below 0, the negated alias to use
 * instead
 */
export function writePublish(
  out: OutputBuffer,
  version: ProtocolVersion,
  fields: PublishFields,
  packetIdentifier: number,
  dup: boolean,
  maximumPacketSize: number,
  topicAlias = 0,
): number {
  const { payload, qos } = fields;
  const topic = topicAlias < 0 ? "" : fields.topic;
  const alias = Math.abs(topicAlias);
  const known = out.topic.bytesOf(topic);
  const topicLength = known === undefined ? utf8Length(topic) : known.length - 2;
  const size = payloadLength(payload);
  let properties: BodyWriter | undefined;
  let remaining = 2 + topicLength + size + (qos > 0 ? 2 : 0);
  if (version === 5) {
    if (fields.properties === undefined) {
      remaining += alias === 0 ? 1 : 4;
    } else {
      properties = new BodyWriter();
      const all = alias === 0 ? fields.properties : { ...fields.properties, topicAlias: alias };
      writeProperties(properties, "publish", all);
      remaining += properties.length;
    }
  }
  const total = 1 + variableByteIntegerLength(remaining) + remaining;
  if (remaining > MAXIMUM_VARIABLE_BYTE_INTEGER || total > maximumPacketSize) return 0;
  const copied = typeof payload === "string" || size < BY_REFERENCE;
  let at = out.reserve(copied ? total : total - size);
  const bytes = out.bytes;
  bytes[at] = 0x30 | (dup ? 8 : 0) | (qos << 1) | (fields.retain ? 1 : 0);
  at = writeVariableByteInteger(remaining, bytes, at + 1);
  if (known === undefined) {
    bytes[at] = topicLength >>> 8;
    bytes[at + 1] = topicLength;
    at = writeUtf8(topic, bytes, at + 2);
  } else {
    bytes.set(known, at);
    at += known.length;
  }
  if (qos > 0) {
    bytes[at] = packetIdentifier >>> 8;
    bytes[at + 1] = packetIdentifier;
    at += 2;
  }
  if (properties !== undefined) {
    bytes.set(properties.bytes.subarray(0, properties.length), at);
    at += properties.length;
  } else if (alias > 0) {
    bytes[at] = 3;
    bytes[at + 1] = TOPIC_ALIAS;
    bytes[at + 2] = alias >>> 8;
    bytes[at + 3] = alias;
    at += 4;
  } else if (version === 5) {
    bytes[at++] = 0;
  }
  if (typeof payload === "string") writeUtf8(payload, bytes, at);
  else if (copied) bytes.set(payload, at);
  else out.append(payload);
  return total;
}

/**
 * Checks a payload that an application publishes.
 *
 * @param field the field's name in errors
 * @throws UsageError PAYLOAD_INVALID
 */
export function assertPayload(payload: Uint8Array | string, field = "payload"): void {
  if (typeof payload === "string" ? utf8Length(payload) < 0 : !(payload instanceof Uint8Array)) {
    throw new UsageError("PAYLOAD_INVALID", payloadProblem(payload, field), { option: field });
  }
}

const PRINTABLE: readonly string[] = ["number", "bigint", "boolean"];

/** Returns what is wrong, and how to convert the value to text or bytes, unless only the application can know that. */
function payloadProblem(value: unknown, field: string): string {
  if (typeof value === "string") return `${field}: must be well-formed Unicode, without lone surrogates`;
  const shown = shownValue(value);
  let cure = "";
  if (shown === "{…}" || shown === "[…]") cure = "JSON.stringify(value)";
  else if (PRINTABLE.includes(typeof value)) cure = "String(value)";
  else if (ArrayBuffer.isView(value)) cure = "new Uint8Array(value.buffer, value.byteOffset, value.byteLength)";
  else if (value instanceof ArrayBuffer) cure = "new Uint8Array(value)";
  return `${field} ${shown}: must be a string or a Uint8Array${cure && `; pass ${cure}`}`;
}

/**
 * Decodes the PUBLISH whose body is in `bytes` from `start` to `end`. The payload is a view of `bytes`.
 *
 * @param topics the cache of the connection, and therefore of this version only
 */
export function readPublish(
  bytes: Uint8Array,
  flags: number,
  start: number,
  end: number,
  version: ProtocolVersion,
  topics: TopicCache,
): PublishPacket {
  const qos = (flags >> 1) & 3;
  const dup = (flags & 8) !== 0;
  if (qos === 3) throw malformed("publish: QoS 3 is reserved [MQTT-3.3.1-4]");
  if (dup && qos === 0 && version !== 3) throw forbidden("publish: DUP must be 0 at QoS 0 [MQTT-3.3.1-2]");
  let at = start + 2;
  const topicEnd = at + (((bytes[start] as number) << 8) | (bytes[start + 1] as number));
  const known = topicEnd <= end && at <= end ? topics.find(bytes, at, topicEnd) : undefined;
  const topic = known ?? readTopic(bytes, start, end, version, topics);
  at = topicEnd;
  let packetIdentifier = 0;
  if (qos > 0) {
    packetIdentifier = at + 2 <= end ? ((bytes[at] as number) << 8) | (bytes[at + 1] as number) : 0;
    if (packetIdentifier === 0) new Cursor(bytes, at, end).packetIdentifier("publish"); // reports what is wrong
    at += 2;
  }
  let properties: PublishProperties | undefined;
  if (version === 5) {
    if (at < end && bytes[at] === 0) {
      at++;
    } else {
      const cursor = new Cursor(bytes, at, end);
      properties = readProperties(cursor, "publish") as PublishProperties | undefined;
      at = cursor.at;
    }
  }
  if (topic === "" && properties?.topicAlias === undefined) {
    throw forbidden("publish: topicName is empty and topicAlias is not set [MQTT-4.7.3-1]");
  }
  return {
    type: "publish",
    topic,
    payload: new Uint8Array(bytes.buffer, bytes.byteOffset + at, end - at),
    qos: qos as QoS,
    retain: (flags & 1) !== 0,
    dup,
    packetIdentifier,
    properties,
  };
}

/** Reads and checks a topic name that is not in the cache. */
function readTopic(
  bytes: Uint8Array,
  start: number,
  end: number,
  version: ProtocolVersion,
  topics: TopicCache,
): string {
  const cursor = new Cursor(bytes, start, end);
  const topic = cursor.text("publish: topicName");
  if (topic === "") return topic;
  const problem = topicNameProblem(topic);
  if (problem) throw new ProtocolError("TOPIC_NAME_REFUSED", TOPIC_NAME_INVALID, `publish: topicName ${problem}`);
  const tooLong = topicLengthProblem(version, topic);
  if (tooLong) throw forbidden(`publish: topicName ${tooLong}`);
  topics.add(bytes, start + 2, cursor.at, topic);
  return topic;
}

const LONGEST_TOPIC_31 = 32_767;

/** MQTT 3.1 limits a topic name by its number of characters, to less than its two-byte length allows. */
export function topicLengthProblem(version: ProtocolVersion, topic: string): string | undefined {
  if (version !== 3 || topic.length <= LONGEST_TOPIC_31) return undefined;
  return `has ${topic.length} characters, MQTT 3.1 allows at most 32,767 [MQTT31-30]`;
}

/** `encode` for PUBLISH: like `writePublish`, but checks everything that the caller passed. */
export function writePublishPacket(out: OutputBuffer, version: ProtocolVersion, packet: PublishPacket): void {
  const { topic, qos, packetIdentifier } = packet;
  if (qos !== 0 && qos !== 1 && qos !== 2)
    throw new UsageError("PACKET_INVALID", `publish: qos ${qos} must be 0, 1 or 2`);
  const identified = Number.isInteger(packetIdentifier) && packetIdentifier > 0 && packetIdentifier <= 0xffff;
  if (qos === 0 ? packetIdentifier > 0 : !identified) {
    throw new UsageError(
      "PACKET_INVALID",
      `publish: packetIdentifier ${packetIdentifier} must be 1 … 65,535 at QoS 1 and 2, and 0 at QoS 0 [MQTT-2.3.1-1]`,
    );
  }
  if (packet.dup && qos === 0)
    throw new UsageError("PACKET_INVALID", "publish: dup must be false at QoS 0 [MQTT-3.3.1-2]");
  const aliased = version === 5 && packet.properties?.topicAlias !== undefined;
  if ((topic !== "" || !aliased) && !out.topic.holds(topic)) assertTopicName(topic);
  const tooLong = topicLengthProblem(version, topic);
  if (tooLong) throw new UsageError("TOPIC_NAME_INVALID", `topicName: ${tooLong}`);
  assertPayload(packet.payload);
  const written = writePublish(out, version, packet, packetIdentifier, packet.dup, MAXIMUM_VARIABLE_BYTE_INTEGER + 5);
  if (written === 0) {
    const size = payloadLength(packet.payload);
    throw new UsageError(
      "PACKET_INVALID",
      `publish: payload of ${size} bytes; the limit for the whole packet is 268,435,455 bytes`,
    );
  }
}
