/** The properties of MQTT 5.0, packet by packet. One that is undefined is one that is absent; what was read has no such. */

/** Name and value, both any text; the same name may come several times, and order is kept. */
export type UserProperties = readonly (readonly [name: string, value: string])[];

export interface WithUserProperties {
  readonly userProperties?: UserProperties | undefined;
}

export interface ConnectProperties extends WithUserProperties {
  /** Seconds that the server keeps the session after the connection ends; 0 (default): not at all; 0xFFFFFFFF: forever. */
  readonly sessionExpiryInterval?: number | undefined;
  /** How many QoS 1 and 2 messages may be on their way to this side unacknowledged, 1 … 65,535 (default). */
  readonly receiveMaximum?: number | undefined;
  /** The largest packet this side accepts, in bytes, from 1; no limit if absent. */
  readonly maximumPacketSize?: number | undefined;
  /** How many topic aliases the peer may use, 0 (default) … 65,535. */
  readonly topicAliasMaximum?: number | undefined;
  /** Asks for Response Information in CONNACK. Default false. */
  readonly requestResponseInformation?: boolean | undefined;
  /** Whether reason strings and user properties may come on packets other than PUBLISH, CONNACK, DISCONNECT. Default true. */
  readonly requestProblemInformation?: boolean | undefined;
  readonly authenticationMethod?: string | undefined;
  readonly authenticationData?: Uint8Array | undefined;
}

export interface MessageProperties extends WithUserProperties {
  /** 1 if the payload is UTF-8 text, 0 (default) if it is just bytes. */
  readonly payloadFormatIndicator?: 0 | 1 | undefined;
  /** Seconds that the message is worth delivering. */
  readonly messageExpiryInterval?: number | undefined;
  readonly contentType?: string | undefined;
  readonly responseTopic?: string | undefined;
  readonly correlationData?: Uint8Array | undefined;
}

export interface WillProperties extends MessageProperties {
  /** Seconds that the server waits before it publishes the will; default 0. */
  readonly willDelayInterval?: number | undefined;
}

export interface PublishProperties extends MessageProperties {
  /** 1 … the peer's topic alias maximum. */
  readonly topicAlias?: number | undefined;
  /** From the server only: the identifiers of all subscriptions that made it send this message. */
  readonly subscriptionIdentifiers?: readonly number[] | undefined;
}

export interface ConnackProperties extends WithUserProperties {
  readonly sessionExpiryInterval?: number | undefined;
  readonly receiveMaximum?: number | undefined;
  readonly maximumQoS?: 0 | 1 | undefined;
  readonly retainAvailable?: boolean | undefined;
  readonly maximumPacketSize?: number | undefined;
  readonly assignedClientIdentifier?: string | undefined;
  readonly topicAliasMaximum?: number | undefined;
  readonly reasonString?: string | undefined;
  readonly wildcardSubscriptionAvailable?: boolean | undefined;
  readonly subscriptionIdentifiersAvailable?: boolean | undefined;
  readonly sharedSubscriptionAvailable?: boolean | undefined;
  /** Seconds; replaces the keep-alive that the client asked for. */
  readonly serverKeepAlive?: number | undefined;
  readonly responseInformation?: string | undefined;
  readonly serverReference?: string | undefined;
  readonly authenticationMethod?: string | undefined;
  readonly authenticationData?: Uint8Array | undefined;
}

export interface AckProperties extends WithUserProperties {
  readonly reasonString?: string | undefined;
}

export interface SubscribeProperties extends WithUserProperties {
  /** 1 … 268,435,455. */
  readonly subscriptionIdentifier?: number | undefined;
}

export interface UnsubscribeProperties extends WithUserProperties {}

export interface DisconnectProperties extends WithUserProperties {
  /** Seconds; from the client only. */
  readonly sessionExpiryInterval?: number | undefined;
  readonly reasonString?: string | undefined;
  /** From the server only. */
  readonly serverReference?: string | undefined;
}

export interface AuthProperties extends WithUserProperties {
  readonly authenticationMethod?: string | undefined;
  readonly authenticationData?: Uint8Array | undefined;
  readonly reasonString?: string | undefined;
}

/** For defaults to be spread before: they must not be replaced by what is undefined. */
export function withoutUndefined<Properties extends object>(properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined)) as Properties;
}
