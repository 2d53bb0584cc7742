/** What clients may subscribe to, within the broker's capabilities and limits. */

import { ProtocolError } from "@aiko/mqtt";
import { ReasonCode, type SubscribePacket } from "@aiko/mqtt/codec";
import { hasWildcard, parseSharedFilter } from "@aiko/mqtt/topic";
import type { BrokerSettings } from "../options/broker-options.js";
import { hasMoreLevels } from "./topic-levels.js";

/** Why a topic filter is denied. */
export interface FilterRefusal {
  readonly reasonCode: number;
  readonly reason: string;
}

type Limits = Pick<
  BrokerSettings,
  | "maximumTopicLevels"
  | "wildcardSubscriptionAvailable"
  | "subscriptionIdentifiersAvailable"
  | "sharedSubscriptionAvailable"
>;

/** Returns why the broker denies a topic filter to every client. */
export function filterRefusal(topicFilter: string, settings: Limits): FilterRefusal | undefined {
  const { maximumTopicLevels, wildcardSubscriptionAvailable, sharedSubscriptionAvailable } = settings;
  const shared = parseSharedFilter(topicFilter);
  const matched = shared?.topicFilter ?? topicFilter;
  if (hasMoreLevels(matched, maximumTopicLevels)) {
    const reason = `the topic filter has more levels than ${maximumTopicLevels}`;
    return { reasonCode: ReasonCode.TOPIC_FILTER_INVALID, reason };
  }
  if (!sharedSubscriptionAvailable && shared !== undefined) {
    const reason = "shared subscriptions are not available";
    return { reasonCode: ReasonCode.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED, reason };
  }
  if (!wildcardSubscriptionAvailable && hasWildcard(matched)) {
    const reason = "wildcards are not available";
    return { reasonCode: ReasonCode.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED, reason };
  }
  return undefined;
}

/** The refusals that are protocol errors on MQTT 5, because CONNACK announced the capability [MQTT5 3.2.2.3.11 … 13]. */
const announced: ReadonlySet<number> = new Set([
  ReasonCode.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED,
  ReasonCode.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED,
]);

/** Returns the fault of a SUBSCRIBE that a client of MQTT 5 must not have sent. */
export function subscriptionFault(packet: SubscribePacket, settings: Limits): ProtocolError | undefined {
  if (packet.properties?.subscriptionIdentifier !== undefined && !settings.subscriptionIdentifiersAvailable) {
    const code = ReasonCode.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED;
    return new ProtocolError("PROTOCOL_ERROR", code, "subscribe: subscription identifiers are not available");
  }
  if (settings.sharedSubscriptionAvailable && settings.wildcardSubscriptionAvailable) return undefined;
  for (const { topicFilter } of packet.subscriptions) {
    const refusal = filterRefusal(topicFilter, settings);
    if (refusal === undefined || !announced.has(refusal.reasonCode)) continue;
    return new ProtocolError("PROTOCOL_ERROR", refusal.reasonCode, `subscribe: ${refusal.reason}`);
  }
  return undefined;
}
