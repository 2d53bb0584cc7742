/** The limits that the server announced in CONNACK. They are checked before anything is sent. MQTT 3.1 and 3.1.1 have none. */

import type { ConnackPacket, ProtocolVersion, SubscriptionRequest } from "../codec/packets.js";
import type { SubscribeProperties } from "../codec/properties.js";
import type { PublishFields } from "../codec/publish-coder.js";
import { RefusedError } from "../errors.js";
import {
  PACKET_TOO_LARGE,
  QOS_NOT_SUPPORTED,
  RETAIN_NOT_SUPPORTED,
  SHARED_SUBSCRIPTIONS_NOT_SUPPORTED,
  SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
  WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED,
} from "../reason-code.js";
import { hasWildcard } from "../topic/topic-filter.js";

const PROTOCOL_MAXIMUM = 268_435_460;

/** The limits of a peer for PUBLISH. */
export interface PublishLimits {
  /** The number of unacknowledged QoS 1 and 2 messages that the peer accepts. */
  readonly receiveMaximum: number;
  /** The part of `receiveMaximum` that QoS 2 messages may use; lower if the peer cannot announce its limit. */
  readonly qos2Maximum: number;
  /** The largest packet that the peer accepts, in bytes. */
  readonly maximumPacketSize: number;
  readonly maximumQoS: 0 | 1 | 2;
  readonly retainAvailable: boolean;
}

/** The limits of a server, as announced in CONNACK. */
export interface ServerLimits extends PublishLimits {
  readonly wildcardSubscriptionAvailable: boolean;
  readonly sharedSubscriptionAvailable: boolean;
  readonly subscriptionIdentifiersAvailable: boolean;
  readonly topicAliasMaximum: number;
}

/**
 * How many unfinished QoS 2 messages are sent to a server before MQTT 5. By default, mosquitto accepts 20; it
 * acknowledges and drops messages beyond them, also at QoS 1 (seen on 2.0.11). One of the 20 is kept for QoS 1.
 */
const MODEST = 19;

/** @param maximumInflight the user's limit; undefined if not set */
export function serverLimits(
  connack: ConnackPacket,
  version: ProtocolVersion,
  maximumInflight: number | undefined,
): ServerLimits {
  const properties = connack.properties ?? {};
  const receiveMaximum = Math.min(properties.receiveMaximum ?? 65_535, maximumInflight ?? 65_535);
  return {
    receiveMaximum,
    qos2Maximum: version === 5 ? receiveMaximum : (maximumInflight ?? MODEST),
    maximumPacketSize: properties.maximumPacketSize ?? PROTOCOL_MAXIMUM,
    maximumQoS: properties.maximumQoS ?? 2,
    retainAvailable: properties.retainAvailable ?? true,
    wildcardSubscriptionAvailable: properties.wildcardSubscriptionAvailable ?? true,
    sharedSubscriptionAvailable: properties.sharedSubscriptionAvailable ?? true,
    subscriptionIdentifiersAvailable: version === 5 && (properties.subscriptionIdentifiersAvailable ?? true),
    topicAliasMaximum: properties.topicAliasMaximum ?? 0,
  };
}

/**
 * Returns why the server would refuse this message; undefined if it would not. Its size is checked when it is encoded.
 */
export function publishRefusal(limits: PublishLimits, message: PublishFields): RefusedError | undefined {
  if (message.qos > limits.maximumQoS) {
    return new RefusedError(
      "MAXIMUM_QOS_EXCEEDED",
      QOS_NOT_SUPPORTED,
      `qos ${message.qos} for "${message.topic}": not supported by the server; its maximumQoS is ${limits.maximumQoS} [MQTT5-3.2.2-11]`,
    );
  }
  if (message.retain && !limits.retainAvailable) {
    return new RefusedError(
      "RETAIN_NOT_AVAILABLE",
      RETAIN_NOT_SUPPORTED,
      `retain true for "${message.topic}": retained messages are not supported by the server [MQTT5-3.2.2-14]`,
    );
  }
  return undefined;
}

/** Returns why the server would refuse this subscription; undefined if it would not. */
export function subscriptionRefusal(limits: ServerLimits, request: SubscriptionRequest): RefusedError | undefined {
  const { topicFilter } = request;
  if (!limits.sharedSubscriptionAvailable && topicFilter.startsWith("$share/")) {
    return new RefusedError(
      "SHARED_SUBSCRIPTION_NOT_AVAILABLE",
      SHARED_SUBSCRIPTIONS_NOT_SUPPORTED,
      `topicFilter "${topicFilter}": shared subscriptions are not supported by the server`,
    );
  }
  if (!limits.wildcardSubscriptionAvailable && hasWildcard(topicFilter)) {
    return new RefusedError(
      "WILDCARD_SUBSCRIPTION_NOT_AVAILABLE",
      WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED,
      `topicFilter "${topicFilter}": wildcards are not supported by the server`,
    );
  }
  return undefined;
}

/** Returns why the server would refuse these properties of SUBSCRIBE. */
export function identifierRefusal(
  limits: ServerLimits,
  properties: SubscribeProperties | undefined,
): RefusedError | undefined {
  const identifier = properties?.subscriptionIdentifier;
  if (identifier === undefined || limits.subscriptionIdentifiersAvailable) return undefined;
  return new RefusedError(
    "SUBSCRIPTION_IDENTIFIER_NOT_AVAILABLE",
    SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
    `subscriptionIdentifier ${identifier}: subscription identifiers are not supported by the server`,
  );
}

export function packetTooLarge(limit: number, what: string): RefusedError {
  return new RefusedError(
    "MAXIMUM_PACKET_SIZE_EXCEEDED",
    PACKET_TOO_LARGE,
    `${what} is longer than the peer's maximumPacketSize of ${limit} bytes [MQTT5-3.2.2-15]`,
  );
}
