/**
 * The entry `@aiko/mqtt/codec`: converts bytes to packets and packets to bytes.
 *
 * @module @aiko/mqtt/codec
 */

import * as ReasonCode from "../reason-code.js";

export { encode } from "./encode.js";
export { type DecoderLimits, packetTypeBits } from "./limits.js";
export { PacketStream } from "./packet-stream.js";
export type {
  Acknowledgement,
  AuthPacket,
  ConnackPacket,
  ConnectPacket,
  DisconnectPacket,
  Packet,
  PacketType,
  PingreqPacket,
  PingrespPacket,
  ProtocolVersion,
  PubackPacket,
  PubcompPacket,
  PublishPacket,
  PubrecPacket,
  PubrelPacket,
  QoS,
  SubackPacket,
  SubscribePacket,
  SubscriptionRequest,
  UnsubackPacket,
  UnsubscribePacket,
  Will,
} from "./packets.js";
export { packetTypes } from "./packets.js";
export type {
  AckProperties,
  AuthProperties,
  ConnackProperties,
  ConnectProperties,
  DisconnectProperties,
  MessageProperties,
  PublishProperties,
  SubscribeProperties,
  UnsubscribeProperties,
  UserProperties,
  WillProperties,
  WithUserProperties,
} from "./properties.js";
export { describeReasonCode, describeReturnCode } from "./reason-codes.js";
export { ServerPacketStream } from "./server-packet-stream.js";
export { ReasonCode };
