/**
 * The packets of MQTT 3.1, 3.1.1 and 5.0 as plain objects, with the specification's names. All versions share one
 * shape: a field that a version lacks is absent or has its neutral value.
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

/** The protocol level in CONNECT: 3 is MQTT 3.1 ("MQIsdp"), 4 is 3.1.1, 5 is 5.0. */
export type ProtocolVersion = 3 | 4 | 5;

/** The quality of service: 0 at most once, 1 at least once, 2 exactly once [MQTT5 4.3]. */
export type QoS = 0 | 1 | 2;

/**
 * The will: the message that the server publishes if the connection ends without a normal DISCONNECT [MQTT5 3.1.2.5].
 */
export interface Will {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties?: WillProperties | undefined;
}

/** A CONNECT packet [MQTT5 3.1]. */
export interface ConnectPacket {
  readonly type: "connect";
  readonly protocolVersion: ProtocolVersion;
  /** The client identifier; empty if the server must assign one. */
  readonly clientId: string;
  /** Clean Start of 5.0; Clean Session of 3.1 and 3.1.1. */
  readonly cleanStart: boolean;
  /** Seconds, 0 … 65,535. 0 disables the keep-alive. */
  readonly keepAlive: number;
  readonly will?: Will | undefined;
  readonly username?: string | undefined;
  readonly password?: Uint8Array | undefined;
  readonly properties?: ConnectProperties | undefined;
  /** 3.1 only: the flags that announce credentials which the packet then omits [MQTT31-11]. */
  readonly omitted?: { readonly username: boolean; readonly password: boolean } | undefined;
}

/** A CONNACK packet [MQTT5 3.2]. */
export interface ConnackPacket {
  readonly type: "connack";
  /** Whether the server has a session of this client. Always false on 3.1. */
  readonly sessionPresent: boolean;
  /** The reason code of 5.0; the return code, 0 … 5, of 3.1 and 3.1.1. */
  readonly reasonCode: number;
  readonly properties?: ConnackProperties | undefined;
}

/** A PUBLISH packet [MQTT5 3.3]. */
export interface PublishPacket {
  readonly type: "publish";
  /** The topic name. Empty only on 5.0, with a topic alias. */
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  /**
   * On the way to the server: whether the server keeps the message for later subscribers. On the way to a client:
   * whether it was kept.
   */
  readonly retain: boolean;
  /** Whether the sender may have sent this packet before. */
  readonly dup: boolean;
  /** 1 … 65,535; 0 at QoS 0, where the packet has no identifier. */
  readonly packetIdentifier: number;
  readonly properties?: PublishProperties | undefined;
}

/** The fields that PUBACK, PUBREC, PUBREL and PUBCOMP share. */
export interface Acknowledgement {
  /** The packet identifier, 1 … 65,535 [MQTT5 2.2.1]. */
  readonly packetIdentifier: number;
  /** The reason code of 5.0; 0 on 3.1 and 3.1.1. */
  readonly reasonCode: number;
  /** On 5.0, an empty object stands for an explicit property length of 0. */
  readonly properties?: AckProperties | undefined;
}

/** A PUBACK packet: acknowledges a QoS 1 message [MQTT5 3.4]. */
export interface PubackPacket extends Acknowledgement {
  readonly type: "puback";
}

/** A PUBREC packet: the first acknowledgement of a QoS 2 message [MQTT5 3.5]. */
export interface PubrecPacket extends Acknowledgement {
  readonly type: "pubrec";
}

/** A PUBREL packet: answers PUBREC [MQTT5 3.6]. */
export interface PubrelPacket extends Acknowledgement {
  readonly type: "pubrel";
  /** 3.1 only [MQTT31-21]. */
  readonly dup?: boolean | undefined;
}

/** A PUBCOMP packet: the last acknowledgement of a QoS 2 message [MQTT5 3.7]. */
export interface PubcompPacket extends Acknowledgement {
  readonly type: "pubcomp";
}

/** One topic filter of SUBSCRIBE, with its options [MQTT5 3.8.3.1]. */
export interface SubscriptionRequest {
  readonly topicFilter: string;
  /** The highest QoS at which the server may send messages. */
  readonly qos: QoS;
  /** 5.0: the server does not send the client its own messages. */
  readonly noLocal?: boolean | undefined;
  /** 5.0: the server keeps the RETAIN flag as it was published. */
  readonly retainAsPublished?: boolean | undefined;
  /**
   * 5.0: the server sends retained messages at each SUBSCRIBE (0), only if the subscription is new (1), or never (2).
   */
  readonly retainHandling?: 0 | 1 | 2 | undefined;
}

/** A SUBSCRIBE packet [MQTT5 3.8]. */
export interface SubscribePacket {
  readonly type: "subscribe";
  readonly packetIdentifier: number;
  readonly subscriptions: readonly SubscriptionRequest[];
  readonly properties?: SubscribeProperties | undefined;
  /** 3.1 only. */
  readonly dup?: boolean | undefined;
}

/** A SUBACK packet [MQTT5 3.9]. */
export interface SubackPacket {
  readonly type: "suback";
  readonly packetIdentifier: number;
  /** One code for each topic filter, in order: the granted QoS, or 0x80 and above for a refusal. */
  readonly reasonCodes: readonly number[];
  readonly properties?: AckProperties | undefined;
}

/** An UNSUBSCRIBE packet [MQTT5 3.10]. */
export interface UnsubscribePacket {
  readonly type: "unsubscribe";
  readonly packetIdentifier: number;
  readonly topicFilters: readonly string[];
  readonly properties?: UnsubscribeProperties | undefined;
  /** 3.1 only. */
  readonly dup?: boolean | undefined;
}

/** An UNSUBACK packet [MQTT5 3.11]. */
export interface UnsubackPacket {
  readonly type: "unsuback";
  readonly packetIdentifier: number;
  /** One code for each topic filter on 5.0; empty on 3.1 and 3.1.1. */
  readonly reasonCodes: readonly number[];
  readonly properties?: AckProperties | undefined;
}

/** A PINGREQ packet [MQTT5 3.12]. */
export interface PingreqPacket {
  readonly type: "pingreq";
}

/** A PINGRESP packet [MQTT5 3.13]. */
export interface PingrespPacket {
  readonly type: "pingresp";
}

/** A DISCONNECT packet [MQTT5 3.14]. */
export interface DisconnectPacket {
  readonly type: "disconnect";
  /** The reason code of 5.0; 0 on 3.1 and 3.1.1. */
  readonly reasonCode: number;
  readonly properties?: DisconnectProperties | undefined;
}

/** An AUTH packet; 5.0 only [MQTT5 3.15]. */
export interface AuthPacket {
  readonly type: "auth";
  /** 0x00 (Success), 0x18 (Continue authentication) or 0x19 (Re-authenticate). */
  readonly reasonCode: number;
  readonly properties?: AuthProperties | undefined;
}

/** Any MQTT control packet. `type` tells which one. */
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

/** The name of a packet type, in lower case: "publish". */
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
