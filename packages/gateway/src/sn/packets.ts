/**
 * The messages of MQTT-SN 1.2 as plain objects, with the specification's names. [SN 5.4] is a section of the MQTT-SN
 * specification, version 1.2.
 */

/** The quality of service: −1 is a PUBLISH without a session [SN 6.8]; 0, 1 and 2 are those of MQTT. */
export type SnQoS = -1 | 0 | 1 | 2;

/**
 * How a message names a topic [SN 5.3.4]: `normal` by an identifier that REGISTER or SUBSCRIBE has assigned,
 * `predefined` by one that both sides know from their configuration, `short` by a name of two octets.
 */
export type TopicIdType = "normal" | "predefined" | "short";

/** The return codes of MQTT-SN [SN 5.3.10]; all others are reserved. */
export const RETURN_CODES = { accepted: 0, congestion: 1, invalidTopicId: 2, notSupported: 3 } as const;

/** A gateway announces itself to all [SN 5.4.1]. */
export interface AdvertisePacket {
  readonly type: "advertise";
  /** 0 … 255. */
  readonly gatewayId: number;
  /** Seconds until the next ADVERTISE, 0 … 65,535. */
  readonly duration: number;
}

/** A client looks for a gateway [SN 5.4.2]. */
interface SearchgwPacket {
  readonly type: "searchgw";
  /** The hops of the broadcast, 0 … 255; 0 means all nodes of the network. */
  readonly radius: number;
}

/** Answers SEARCHGW [SN 5.4.3]. */
export interface GwinfoPacket {
  readonly type: "gwinfo";
  readonly gatewayId: number;
  /** The gateway's address; only in the answer of a client, which knows it from an earlier GWINFO. */
  readonly gatewayAddress?: Uint8Array | undefined;
}

/** Sets up a session [SN 5.4.4]. */
export interface ConnectPacket {
  readonly type: "connect";
  readonly clientId: string;
  /** Whether the gateway must ask for a will. */
  readonly will: boolean;
  readonly cleanSession: boolean;
  /** 1 in MQTT-SN 1.2; the receiver answers others with "not supported". */
  readonly protocolId: number;
  /** The keep-alive in seconds, 0 … 65,535; 0 means none. */
  readonly duration: number;
}

/** Answers CONNECT [SN 5.4.5]. */
interface ConnackPacket {
  readonly type: "connack";
  readonly returnCode: number;
}

/** The gateway asks for the will's topic or the will's message [SN 5.4.6, 5.4.8], or answers a PINGREQ [SN 5.4.20]. */
interface BarePacket {
  readonly type: "willtopicreq" | "willmsgreq" | "pingresp";
}

/** The will's topic: at CONNECT [SN 5.4.7], or a new one [SN 5.4.22]. */
export interface WilltopicPacket {
  readonly type: "willtopic" | "willtopicupd";
  /** Absent in the empty message, which removes the will. */
  readonly will?: { readonly topic: string; readonly qos: 0 | 1 | 2; readonly retain: boolean } | undefined;
}

/** The will's message: at CONNECT [SN 5.4.9], or a new one [SN 5.4.23]. */
export interface WillmsgPacket {
  readonly type: "willmsg" | "willmsgupd";
  readonly message: Uint8Array;
}

/** Answers WILLTOPICUPD and WILLMSGUPD [SN 5.4.24, 5.4.25]. */
interface WillrespPacket {
  readonly type: "willtopicresp" | "willmsgresp";
  readonly returnCode: number;
}

/** Asks for, or tells, the identifier of a topic name [SN 5.4.10]. */
export interface RegisterPacket {
  readonly type: "register";
  /** 0 if a client sends it. */
  readonly topicId: number;
  /** 0 … 65,535. */
  readonly messageId: number;
  readonly topicName: string;
}

/** Answers REGISTER [SN 5.4.11], PUBLISH [SN 5.4.13]. */
export interface TopicAckPacket {
  readonly type: "regack" | "puback";
  readonly topicId: number;
  readonly messageId: number;
  readonly returnCode: number;
}

/** A topic as PUBLISH names it: the identifier, or the two octets of a short name as text. */
export type PublishTopic =
  | { readonly kind: "normal" | "predefined"; readonly id: number }
  | { readonly kind: "short"; readonly name: string };

/** A topic as SUBSCRIBE and UNSUBSCRIBE name it; `normal` has the whole filter. */
export type FilterTopic =
  | { readonly kind: "normal"; readonly name: string }
  | { readonly kind: "short"; readonly name: string }
  | { readonly kind: "predefined"; readonly id: number };

/** A message [SN 5.4.12]. */
export interface PublishPacket {
  readonly type: "publish";
  readonly topic: PublishTopic;
  /** 0 … 65,535. A sender writes 0 at QoS 0 and −1, and a receiver ignores it there. */
  readonly messageId: number;
  readonly qos: SnQoS;
  readonly dup: boolean;
  readonly retain: boolean;
  readonly data: Uint8Array;
}

/** The handshake of QoS 2 [SN 5.4.14], and the answer to UNSUBSCRIBE [SN 5.4.18]. */
export interface MessageIdPacket {
  readonly type: "pubrec" | "pubrel" | "pubcomp" | "unsuback";
  readonly messageId: number;
}

/** Subscribes to a topic [SN 5.4.15]. */
export interface SubscribePacket {
  readonly type: "subscribe";
  readonly topic: FilterTopic;
  readonly messageId: number;
  readonly qos: 0 | 1 | 2;
  readonly dup: boolean;
}

/** Answers SUBSCRIBE [SN 5.4.16]. */
interface SubackPacket {
  readonly type: "suback";
  /** The granted QoS. */
  readonly qos: 0 | 1 | 2;
  /** 0 if the filter has a wildcard, is short, or was refused. */
  readonly topicId: number;
  readonly messageId: number;
  readonly returnCode: number;
}

/** Ends a subscription [SN 5.4.17]. */
export interface UnsubscribePacket {
  readonly type: "unsubscribe";
  readonly topic: FilterTopic;
  readonly messageId: number;
}

/** Asks whether the peer lives; with an identifier, a sleeping client asks for its messages [SN 5.4.19]. */
export interface PingreqPacket {
  readonly type: "pingreq";
  readonly clientId?: string | undefined;
}

/** Ends a session, or with a duration lets it sleep [SN 5.4.21]. */
export interface DisconnectPacket {
  readonly type: "disconnect";
  /** Seconds of sleep, 0 … 65,535; absent if the session ends, and in each DISCONNECT of a gateway. */
  readonly duration?: number | undefined;
}

/** Any message of MQTT-SN but the encapsulation of a forwarder. */
export type SnPacket =
  | AdvertisePacket
  | SearchgwPacket
  | GwinfoPacket
  | ConnectPacket
  | ConnackPacket
  | BarePacket
  | WilltopicPacket
  | WillmsgPacket
  | WillrespPacket
  | RegisterPacket
  | TopicAckPacket
  | PublishPacket
  | MessageIdPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | PingreqPacket
  | DisconnectPacket;

/** What a forwarder adds to a message of a client that it serves [SN 5.5]. */
export interface Encapsulation {
  /** The address of the client at the forwarder, 1 … 252 octets. */
  readonly wirelessNodeId: Uint8Array;
  /** The radius of the broadcast, 0 … 3. */
  readonly radius: number;
}
