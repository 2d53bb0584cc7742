/** What each packet of a client is made of: `PacketWriter` knows how its parts are written. What cannot be sent is a UsageError. */

import type { QoS, SubscriptionRequest, Will } from "../codec/packets.js";
import type {
  AckProperties,
  ConnectProperties,
  DisconnectProperties,
  PublishProperties,
  SubscribeProperties,
} from "../codec/properties.js";
import { UsageError } from "../errors.js";
import { PacketWriter } from "./packet-writer.js";
import { mayCarry } from "./reason-rules.js";
import { isShared } from "./topic-rules.js";

/** The versions that differ in more than CONNECT's name. */
export type SmallVersion = 4 | 5;

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
    throw new UsageError("OPTION_INVALID", "password: needs a username"); // [MQTT-3.1.2-22]
  const flags =
    (username === undefined ? 0 : 128) |
    (password === undefined ? 0 : 64) |
    (will ? 4 | (will.qos << 3) | (will.retain ? 32 : 0) : 0) |
    (cleanStart ? 2 : 0);
  const writer = new PacketWriter().text("", "MQTT").number(version, 1).number(flags, 1).number(keepAlive, 2);
  if (version === 5) writer.properties("connect", properties);
  writer.text("clientId", clientId);
  if (will) {
    if (version === 5) writer.properties("will", will.properties);
    writer.text("will.topic", will.topic).data("will.payload", will.payload);
  }
  if (username !== undefined) writer.text("username", username);
  if (password !== undefined) writer.data("password", password);
  return writer.packet(0x10);
}

/** A PUBLISH, and what of it is only known when it is sent. */
export interface PublishBytes {
  readonly bytes: Uint8Array;
  /** Where its packet identifier stands, and its properties begin. */
  readonly identifierAt: number;
}

export function publishPacket(
  version: SmallVersion,
  topic: string,
  payload: string | Uint8Array,
  qos: QoS,
  retain: boolean,
  properties: PublishProperties | undefined,
): PublishBytes {
  const writer = new PacketWriter().text("topic", topic);
  const before = writer.length;
  if (qos > 0) writer.number(0, 2);
  // The expiry stands first, where it is found again.
  const { messageExpiryInterval } = properties ?? {};
  if (version === 5) writer.properties("publish", properties && { messageExpiryInterval, ...properties });
  writer.data("payload", payload, 0);
  const { length } = writer;
  const bytes = writer.packet(0x30 | (qos << 1) | Number(retain));
  return { bytes, identifierAt: bytes.length - length + before };
}

export function subscribePacket(
  version: SmallVersion,
  packetIdentifier: number,
  subscriptions: readonly SubscriptionRequest[],
  properties: SubscribeProperties | undefined,
): Uint8Array {
  const writer = new PacketWriter().number(packetIdentifier, 2);
  if (version === 5) writer.properties("subscribe", properties);
  for (const { topicFilter, qos, noLocal, retainAsPublished, retainHandling = 0 } of subscriptions) {
    const options = qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4);
    if (version === 5 ? noLocal && isShared(topicFilter) : options > qos)
      throw new UsageError("PACKET_INVALID", `topicFilter "${topicFilter}": this option has no place here`); // [MQTT5-3.8.3-4]
    writer.text("topicFilter", topicFilter).number(options, 1);
  }
  return writer.packet(0x82);
}

export function unsubscribePacket(
  version: SmallVersion,
  packetIdentifier: number,
  topicFilters: readonly string[],
): Uint8Array {
  const writer = new PacketWriter().number(packetIdentifier, 2);
  if (version === 5) writer.properties("unsubscribe", undefined);
  for (const topicFilter of topicFilters) writer.text("topicFilter", topicFilter);
  return writer.packet(0xa2);
}

/**
 * @param first the packet's first byte
 * @param reasonCode other than 0 on MQTT 5 only
 */
export function acknowledgement(first: number, packetIdentifier: number, reasonCode: number): Uint8Array {
  const writer = new PacketWriter().number(packetIdentifier, 2);
  if (reasonCode > 0) writer.number(reasonCode, 1);
  return writer.packet(first);
}

export function disconnectPacket(
  version: SmallVersion,
  reasonCode: number,
  properties?: DisconnectProperties & AckProperties,
): Uint8Array {
  if (!mayCarry("disconnect", reasonCode))
    throw new UsageError("PACKET_INVALID", `disconnect: reason code ${reasonCode}`);
  const writer = new PacketWriter();
  if (version === 5 && (reasonCode > 0 || properties)) writer.number(reasonCode, 1);
  if (version === 5 && properties) writer.properties("disconnect", properties);
  return writer.packet(0xe0);
}
