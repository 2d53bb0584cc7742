/**
 * The packets of MQTT 3.1, 3.1.1 and 5.0 as plain objects, in the specification's words. One shape serves all versions:
 * what a version does not have is absent or at its neutral value.
 */

import type {
  AckProperties,
  AuthProperties,
  ConnackProperties,
  ConnectProperties,
  DisconnectProperties,
  PublishProperties,
  SubscribeProperties,
  UnsubscribeProperties,
  WillProperties,
} from "./properties.js";

/** 3 is MQTT 3.1 ("MQIsdp"), 4 is 3.1.1, 5 is 5.0: the protocol level that stands in CONNECT. */
export type ProtocolVersion = 3 | 4 | 5;

export type QoS = 0 | 1 | 2;

export interface Will {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties?: WillProperties | undefined;
}

export interface ConnectPacket {
  readonly type: "connect";
  readonly protocolVersion: ProtocolVersion;
  readonly clientId: string;
  /** Clean Start of 5.0; Clean Session of 3.1 and 3.1.1. */
  readonly cleanStart: boolean;
  /** Seconds, 0 … 65,535; 0 switches keep-alive off. */
  readonly keepAlive: number;
  readonly will?: Will | undefined;
  readonly username?: string | undefined;
  readonly password?: Uint8Array | undefined;
  readonly properties?: ConnectProperties | undefined;
  /** 3.1 only: flags that announce credentials which the packet then leaves out [MQTT31-11]. */
  readonly omitted?: { readonly username: boolean; readonly password: boolean } | undefined;
}

export interface ConnackPacket {
  readonly type: "connack";
  readonly sessionPresent: boolean;
  /** Reason code of 5.0; return code 0 … 5 of 3.1 and 3.1.1. */
  readonly reasonCode: number;
  readonly properties?: ConnackProperties | undefined;
}

export interface PublishPacket {
  readonly type: "publish";
  /** Empty only on 5.0, with a topic alias. */
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup: boolean;
  /** 1 … 65,535; 0 at QoS 0, where the packet has none. */
  readonly packetIdentifier: number;
  readonly properties?: PublishProperties | undefined;
}

export interface Acknowledgement {
  readonly packetIdentifier: number;
  /** 0 before 5.0. */
  readonly reasonCode: number;
  /** On 5.0, an empty object stands for a property length of 0 that was spelled out. */
  readonly properties?: AckProperties | undefined;
}

export interface PubackPacket extends Acknowledgement {
  readonly type: "puback";
}

export interface PubrecPacket extends Acknowledgement {
  readonly type: "pubrec";
}

export interface PubrelPacket extends Acknowledgement {
  readonly type: "pubrel";
  /** 3.1 only [MQTT31-21]. */
  readonly dup?: boolean | undefined;
}

export interface PubcompPacket extends Acknowledgement {
  readonly type: "pubcomp";
}

export interface SubscriptionRequest {
  readonly topicFilter: string;
  readonly qos: QoS;
  /** 5.0: what this client publishes does not come back to it. */
  readonly noLocal?: boolean | undefined;
  /** 5.0: the RETAIN flag comes as it was published. */
  readonly retainAsPublished?: boolean | undefined;
  /** 5.0: retained messages are sent at subscribing (0), only if the subscription is new (1), or not (2). */
  readonly retainHandling?: 0 | 1 | 2 | undefined;
}

export interface SubscribePacket {
  readonly type: "subscribe";
  readonly packetIdentifier: number;
  readonly subscriptions: readonly SubscriptionRequest[];
  readonly properties?: SubscribeProperties | undefined;
  /** 3.1 only. */
  readonly dup?: boolean | undefined;
}

export interface SubackPacket {
  readonly type: "suback";
  readonly packetIdentifier: number;
  /** One for each topic filter, in order: the QoS granted, or 0x80 and above for a refusal. */
  readonly reasonCodes: readonly number[];
  readonly properties?: AckProperties | undefined;
}

export interface UnsubscribePacket {
  readonly type: "unsubscribe";
  readonly packetIdentifier: number;
  readonly topicFilters: readonly string[];
  readonly properties?: UnsubscribeProperties | undefined;
  /** 3.1 only. */
  readonly dup?: boolean | undefined;
}

export interface UnsubackPacket {
  readonly type: "unsuback";
  readonly packetIdentifier: number;
  /** One for each topic filter on 5.0; empty before. */
  readonly reasonCodes: readonly number[];
  readonly properties?: AckProperties | undefined;
}

export interface PingreqPacket {
  readonly type: "pingreq";
}

export interface PingrespPacket {
  readonly type: "pingresp";
}

export interface DisconnectPacket {
  readonly type: "disconnect";
  /** 0 before 5.0. */
  readonly reasonCode: number;
  readonly properties?: DisconnectProperties | undefined;
}

/** 5.0 only. */
export interface AuthPacket {
  readonly type: "auth";
  readonly reasonCode: number;
  readonly properties?: AuthProperties | undefined;
}

export type Packet =
  | ConnectPacket
  | ConnackPacket
  | PublishPacket
  | PubackPacket
  | PubrecPacket
  | PubrelPacket
  | PubcompPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | UnsubackPacket
  | PingreqPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket;

export type PacketType = Packet["type"];

/** MQTT Control Packet types by their number in the fixed header; 0 is reserved. */
export const packetTypes = [
  undefined,
  "connect",
  "connack",
  "publish",
  "puback",
  "pubrec",
  "pubrel",
  "pubcomp",
  "subscribe",
  "suback",
  "unsubscribe",
  "unsuback",
  "pingreq",
  "pingresp",
  "disconnect",
  "auth",
] as const;
