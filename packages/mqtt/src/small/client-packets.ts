/**
 * Builds each packet of a client; `PacketWriter` encodes its parts. A packet that cannot be sent throws a UsageError.
 */

import type { QoS, SubscriptionRequest, Will } from "../codec/packets.js";
import type { ConnectProperties, PublishProperties, SubscribeProperties } from "../codec/properties.js";
import { invalid, PacketWriter, type SmallVersion } from "./packet-writer.js";
import { mayCarry } from "./reason-rules.js";
import { isShared } from "./topic-rules.js";

export const PUBACK = 0x40;
export const PUBREC = 0x50;
export const PUBREL = 0x62;
export const PUBCOMP = 0x70;

export const PINGREQ = new Uint8Array([0xc0, 0]);

export interface ConnectFields {
  readonly clientId: string;
  readonly cleanStart: boolean;
  readonly keepAlive: number;
  readonly will: Will | undefined;
  readonly username: string | undefined;
  readonly password: string | Uint8Array | undefined;
  readonly properties: ConnectProperties;
}

export function connectPacket(version: SmallVersion, fields: ConnectFields): Uint8Array {
  const { clientId, cleanStart, keepAlive, will, username, password, properties } = fields;
  if (version === 4 && password !== undefined && username === undefined)
    throw invalid("password", "requires a username"); // [MQTT-3.1.2-22]
  const flags =
    (username === undefined ? 0 : 128) |
    (password === undefined ? 0 : 64) |
    (will ? 4 | (will.qos << 3) | (will.retain ? 32 : 0) : 0) |
    (cleanStart ? 2 : 0);
  const writer = new PacketWriter(version)
    .text("", "MQTT")
    .number(version, 1)
    .number(flags, 1)
    .number(keepAlive, 2)
    .properties("connect", properties)
    .text("clientId", clientId);
  if (will)
    writer.properties("will", will.properties).text("will.topic", will.topic).data("will.payload", will.payload);
  if (username !== undefined) writer.text("username", username);
  if (password !== undefined) writer.data("password", password);
  return writer.packet(0x10);
}

export function publishPacket(
  version: SmallVersion,
  topic: string,
  payload: string | Uint8Array,
  qos: QoS,
  retain: boolean,
  properties: PublishProperties | undefined,
  packetIdentifier = 0,
  dup = false,
): Uint8Array {
  const writer = new PacketWriter(version).text("topic", topic);
  if (qos > 0) writer.number(packetIdentifier, 2);
  writer.properties("publish", properties).data("payload", payload, 0);
  return writer.packet(0x30 | (dup ? 8 : 0) | (qos << 1) | Number(retain));
}

export function subscribePacket(
  version: SmallVersion,
  packetIdentifier: number,
  subscriptions: readonly SubscriptionRequest[],
  properties: SubscribeProperties | undefined,
): Uint8Array {
  const writer = new PacketWriter(version).number(packetIdentifier, 2).properties("subscribe", properties);
  for (const { topicFilter, qos, noLocal, retainAsPublished, retainHandling = 0 } of subscriptions) {
    const options = qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4);
    if (version === 5 ? noLocal && isShared(topicFilter) : options > qos)
      throw invalid(`topicFilter "${topicFilter}"`, "not allowed", "PACKET_INVALID"); // [MQTT5-3.8.3-4]
    writer.text("topicFilter", topicFilter).number(options, 1);
  }
  return writer.packet(0x82);
}

export function unsubscribePacket(
  version: SmallVersion,
  packetIdentifier: number,
  topicFilters: readonly string[],
): Uint8Array {
  const writer = new PacketWriter(version).number(packetIdentifier, 2).properties("unsubscribe");
  for (const topicFilter of topicFilters) writer.text("topicFilter", topicFilter);
  return writer.packet(0xa2);
}

/**
 * @param first the packet's first byte
 * @param reasonCode values other than 0 are allowed on MQTT 5 only
 */
export function acknowledgement(first: number, packetIdentifier: number, reasonCode: number): Uint8Array {
  const writer = new PacketWriter(4).number(packetIdentifier, 2);
  if (reasonCode > 0) writer.number(reasonCode, 1);
  return writer.packet(first);
}

/** @param endsSession whether to ask the server to end the session now; MQTT 5 only */
export function disconnectPacket(version: SmallVersion, reasonCode: number, endsSession = false): Uint8Array {
  if (!mayCarry("disconnect", reasonCode)) throw invalid(`reason code ${reasonCode}`, "not allowed", "PACKET_INVALID");
  const writer = new PacketWriter(version);
  if (version === 5 && (reasonCode > 0 || endsSession)) writer.number(reasonCode, 1);
  if (endsSession) writer.properties("disconnect", { sessionExpiryInterval: 0 });
  return writer.packet(0xe0);
}
