/**
 * The properties of MQTT 5.0, packet by packet. An undefined property is the same as an absent one; decoded packets
 * contain no undefined ones.
 */

/** User properties as pairs of name and value. A name may occur several times; the order is kept. */
export type UserProperties = readonly (readonly [name: string, value: string])[];

/** The properties that every packet with properties may have. */
export interface WithUserProperties {
  readonly userProperties?: UserProperties | undefined;
}

/** The properties of CONNECT [MQTT5 3.1.2.11]. */
export interface ConnectProperties extends WithUserProperties {
  /**
   * Seconds that the server keeps the session after the connection ends, 0 … 4,294,967,295. 0 does not keep it;
   * 4,294,967,295 keeps it forever. If the property is absent, the server does not keep the session. The clients send it:
   * their default is 3,600, and with `cleanStart: false` 4,294,967,295.
   */
  readonly sessionExpiryInterval?: number | undefined;
  /** The number of unacknowledged QoS 1 and 2 messages that this side accepts, 1 … 65,535. Default 65,535. */
  readonly receiveMaximum?: number | undefined;
  /** The largest packet that this side accepts, in bytes, from 1. Default: no limit. */
  readonly maximumPacketSize?: number | undefined;
  /** The number of topic aliases that the peer may use, 0 … 65,535. Default 0. */
  readonly topicAliasMaximum?: number | undefined;
  /** Asks for Response Information in CONNACK. Default false. */
  readonly requestResponseInformation?: boolean | undefined;
  /**
   * Whether packets other than PUBLISH, CONNACK and DISCONNECT may carry reason strings and user properties. Default
   * true.
   */
  readonly requestProblemInformation?: boolean | undefined;
  /** The name of the authentication method. */
  readonly authenticationMethod?: string | undefined;
  /** Data of the authentication method. Requires `authenticationMethod`. */
  readonly authenticationData?: Uint8Array | undefined;
}

/** The properties that a message carries, in PUBLISH and in a will. */
export interface MessageProperties extends WithUserProperties {
  /** 1 if the payload is UTF-8 text, 0 (default) if its format is not specified. */
  readonly payloadFormatIndicator?: 0 | 1 | undefined;
  /** Seconds until the message expires, 0 … 4,294,967,295. Default: it does not expire. */
  readonly messageExpiryInterval?: number | undefined;
  /** The type of the content, by a convention of the application, such as "application/json". */
  readonly contentType?: string | undefined;
  /** The topic to which the receiver must publish its response. */
  readonly responseTopic?: string | undefined;
  /** Bytes that the response repeats, so that the requester can match it to the request. */
  readonly correlationData?: Uint8Array | undefined;
}

/** The properties of a will [MQTT5 3.1.3.2]. */
export interface WillProperties extends MessageProperties {
  /** Seconds that the server waits before it publishes the will, 0 … 4,294,967,295. Default 0. */
  readonly willDelayInterval?: number | undefined;
}

/** The properties of PUBLISH [MQTT5 3.3.2.3]. */
export interface PublishProperties extends MessageProperties {
  /** A number that stands for the topic, 1 … the topic alias maximum of the peer. */
  readonly topicAlias?: number | undefined;
  /** From the server only: the identifiers of all subscriptions that match the message. */
  readonly subscriptionIdentifiers?: readonly number[] | undefined;
}

/** The properties of CONNACK: what the server allows and assigns [MQTT5 3.2.2.3]. */
export interface ConnackProperties extends WithUserProperties {
  /** Seconds that the server keeps the session, if it differs from what the client requested. */
  readonly sessionExpiryInterval?: number | undefined;
  /** The number of unacknowledged QoS 1 and 2 messages that the server accepts, 1 … 65,535. Default 65,535. */
  readonly receiveMaximum?: number | undefined;
  /** The highest QoS that the server supports. Default 2. */
  readonly maximumQoS?: 0 | 1 | undefined;
  /** Whether the server supports retained messages. Default true. */
  readonly retainAvailable?: boolean | undefined;
  /** The largest packet that the server accepts, in bytes, from 1. Default: no limit. */
  readonly maximumPacketSize?: number | undefined;
  /** The identifier that the server assigned to a client without one. */
  readonly assignedClientIdentifier?: string | undefined;
  /** The number of topic aliases that the client may use, 0 … 65,535. Default 0. */
  readonly topicAliasMaximum?: number | undefined;
  /** A description of the result, for people. */
  readonly reasonString?: string | undefined;
  /** Whether the server supports wildcards in topic filters. Default true. */
  readonly wildcardSubscriptionAvailable?: boolean | undefined;
  /** Whether the server supports subscription identifiers. Default true. */
  readonly subscriptionIdentifiersAvailable?: boolean | undefined;
  /** Whether the server supports shared subscriptions. Default true. */
  readonly sharedSubscriptionAvailable?: boolean | undefined;
  /** Seconds, 0 … 65,535. Replaces the keep-alive that the client requested. */
  readonly serverKeepAlive?: number | undefined;
  /** The basis of response topics, if the client requested it. */
  readonly responseInformation?: string | undefined;
  /** Another server to use, with 0x9C (Use another server) and 0x9D (Server moved). */
  readonly serverReference?: string | undefined;
  /** The name of the authentication method. */
  readonly authenticationMethod?: string | undefined;
  /** Data of the authentication method. */
  readonly authenticationData?: Uint8Array | undefined;
}

/** The properties of PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK. */
export interface AckProperties extends WithUserProperties {
  /** A description of the result, for people. */
  readonly reasonString?: string | undefined;
}

/** The properties of SUBSCRIBE [MQTT5 3.8.2.1]. */
export interface SubscribeProperties extends WithUserProperties {
  /** The subscription identifier, 1 … 268,435,455. The server sends it with each matching message. */
  readonly subscriptionIdentifier?: number | undefined;
}

/** The properties of UNSUBSCRIBE [MQTT5 3.10.2.1]. */
export interface UnsubscribeProperties extends WithUserProperties {}

/** The properties of DISCONNECT [MQTT5 3.14.2.2]. */
export interface DisconnectProperties extends WithUserProperties {
  /** Seconds that the server keeps the session, 0 … 4,294,967,295. From the client only. */
  readonly sessionExpiryInterval?: number | undefined;
  /** A description of the reason, for people. */
  readonly reasonString?: string | undefined;
  /** Another server to use, with 0x9C and 0x9D. From the server only. */
  readonly serverReference?: string | undefined;
}

/** The properties of AUTH [MQTT5 3.15.2.2]. */
export interface AuthProperties extends WithUserProperties {
  /** The name of the authentication method. */
  readonly authenticationMethod?: string | undefined;
  /** Data of the authentication method. */
  readonly authenticationData?: Uint8Array | undefined;
  /** A description of the result, for people. */
  readonly reasonString?: string | undefined;
}

/** Removes undefined properties, so that they do not replace defaults when the object is spread after them. */
export function withoutUndefined<Properties extends object>(properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined)) as Properties;
}
