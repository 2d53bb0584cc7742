/** Decodes SUBSCRIBE and UNSUBSCRIBE. */

import { sharedFilterProblem, topicFilterProblem } from "../topic/topic-filter.js";
import { type Cursor, forbidden, malformed, tooLarge } from "./cursor.js";
import { MAXIMUM_ENTRIES } from "./limits.js";
import type { Packet, ProtocolVersion, QoS, SubscriptionRequest } from "./packets.js";
import { readProperties } from "./property-coder.js";

export function readSubscribe(flags: number, cursor: Cursor, version: ProtocolVersion): Packet {
  const type = "subscribe";
  const packetIdentifier = cursor.packetIdentifier(type);
  const properties = version === 5 ? readProperties(cursor, type) : undefined;
  const subscriptions: SubscriptionRequest[] = [];
  while (cursor.left > 0) {
    checkCount(type, subscriptions);
    const topicFilter = readTopicFilter(type, cursor, version);
    subscriptions.push(readSubscriptionOptions(topicFilter, cursor.byte("subscribe: subscription options"), version));
  }
  if (subscriptions.length === 0) throw forbidden("subscribe: contains no topic filter [MQTT-3.8.3-3]");
  const dup = version === 3 && (flags & 8) !== 0;
  return { type, packetIdentifier, subscriptions, properties, ...(dup && { dup }) };
}

function readSubscriptionOptions(topicFilter: string, options: number, version: ProtocolVersion): SubscriptionRequest {
  const qos = options & 3;
  if (qos === 3) throw forbidden("subscribe: QoS 3 is reserved [MQTT-3.8.3-4]");
  if (version !== 5) {
    if (version === 4 && options > 2)
      throw malformed("subscribe: bits 7 to 2 of the QoS byte must be 0 [MQTT-3.8.3-4]");
    return { topicFilter, qos: qos as QoS };
  }
  if (options & 0xc0) throw malformed("subscribe: bits 7 and 6 of the options must be 0 [MQTT5-3.8.3-5]");
  const retainHandling = (options >> 4) & 3;
  if (retainHandling === 3) throw forbidden("subscribe: retainHandling 3 is reserved [MQTT5-3.8.3.1]");
  const noLocal = (options & 4) !== 0;
  if (noLocal && topicFilter.startsWith("$share/")) {
    throw forbidden("subscribe: noLocal must not be set on a shared subscription [MQTT5-3.8.3-4]");
  }
  return {
    topicFilter,
    qos: qos as QoS,
    noLocal,
    retainAsPublished: (options & 8) !== 0,
    retainHandling: retainHandling as 0 | 1 | 2,
  };
}

export function readUnsubscribe(flags: number, cursor: Cursor, version: ProtocolVersion): Packet {
  const type = "unsubscribe";
  const packetIdentifier = cursor.packetIdentifier(type);
  const properties = version === 5 ? readProperties(cursor, type) : undefined;
  const topicFilters: string[] = [];
  while (cursor.left > 0) {
    checkCount(type, topicFilters);
    topicFilters.push(readTopicFilter(type, cursor, version));
  }
  if (topicFilters.length === 0) throw forbidden("unsubscribe: contains no topic filter [MQTT-3.10.3-2]");
  const dup = version === 3 && (flags & 8) !== 0;
  return { type, packetIdentifier, topicFilters, properties, ...(dup && { dup }) };
}

function checkCount(type: string, list: readonly unknown[]): void {
  if (list.length === MAXIMUM_ENTRIES) throw tooLarge(`${type}: more than ${MAXIMUM_ENTRIES} topic filters`);
}

function readTopicFilter(type: "subscribe" | "unsubscribe", cursor: Cursor, version: ProtocolVersion): string {
  const topicFilter = cursor.text(`${type}: topicFilter`);
  const problem = topicFilterProblem(topicFilter) ?? (version === 5 ? sharedFilterProblem(topicFilter) : undefined);
  if (problem) throw malformed(`${type}: topicFilter ${problem}`); // 0x8F is for well-formed filters
  return topicFilter;
}
