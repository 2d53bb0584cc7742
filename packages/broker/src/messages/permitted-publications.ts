/**
 * What clients may publish, as a message or as a will: topics that do not belong to the broker, within its limits and
 * capabilities.
 */

import { ProtocolError } from "@aiko/mqtt";
import { type PublishPacket, ReasonCode, type Will } from "@aiko/mqtt/codec";
import type { BrokerSettings } from "../options/broker-options.js";
import { hasMoreLevels } from "./topic-levels.js";

/** Why a publication is refused. */
export interface PublicationRefusal {
  readonly reasonCode: number;
  readonly reason: string;
}

type Publication = Pick<PublishPacket | Will, "topic" | "qos" | "retain">;
type Capabilities = Pick<BrokerSettings, "maximumQoS" | "retainAvailable" | "maximumTopicLevels">;

const DOLLAR = 0x24;

/** Returns why a client must not publish to a topic. Its acknowledgement says so on MQTT 5. */
export function topicRefusal(topic: string): PublicationRefusal | undefined {
  if (topic.charCodeAt(0) !== DOLLAR) return undefined; // the usual case
  if (topic === "$SYS" || topic.startsWith("$SYS/"))
    return { reasonCode: ReasonCode.NOT_AUTHORIZED, reason: "topics below $SYS belong to the broker" };
  if (topic.startsWith("$share/"))
    return { reasonCode: ReasonCode.TOPIC_NAME_INVALID, reason: "$share begins a topic filter, not a topic name" };
  return undefined;
}

/**
 * Returns the fault of a publication that the client must not have sent, because CONNACK announces the limit or the
 * capability.
 */
export function publicationFault(what: string, each: Publication, settings: Capabilities): ProtocolError | undefined {
  const { maximumQoS, retainAvailable, maximumTopicLevels } = settings;
  if (each.qos > maximumQoS) {
    const rule = `${what} qos ${each.qos} is above maximumQoS ${maximumQoS} [MQTT5-3.2.2-11]`;
    return new ProtocolError("PROTOCOL_ERROR", ReasonCode.QOS_NOT_SUPPORTED, rule);
  }
  if (each.retain && !retainAvailable) {
    const rule = `${what} retain is not available [MQTT5-3.2.2-14]`;
    return new ProtocolError("PROTOCOL_ERROR", ReasonCode.RETAIN_NOT_SUPPORTED, rule);
  }
  if (!hasMoreLevels(each.topic, maximumTopicLevels)) return undefined;
  const rule = `${what} ${what.startsWith("publish") ? "topicName" : "topic"} has more levels than ${maximumTopicLevels}`;
  return new ProtocolError("TOPIC_NAME_REFUSED", ReasonCode.TOPIC_NAME_INVALID, rule);
}
