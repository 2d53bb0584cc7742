/** A message that the application publishes without a client. It is checked before it is delivered. */

import { type PublishOptions, type QoS, UsageError } from "@aiko/mqtt";
import { encode, type PublishProperties } from "@aiko/mqtt/codec";
import { boolean, integer, object, readOptions } from "@aiko/mqtt/options";
import { type PublishedMessage, publishedMessage } from "./published-message.js";
import { hasMoreLevels } from "./topic-levels.js";

/** Options of `broker.publish`. */
export type BrokerPublishOptions = Omit<PublishOptions, "signal">;

const rules = {
  qos: integer(0, 2, 0),
  retain: boolean(false),
  properties: object<PublishProperties>(),
} satisfies Record<keyof BrokerPublishOptions, unknown>;
/** Properties that belong to one connection. */
const ofConnections = ["topicAlias", "subscriptionIdentifiers"] as const;
const empty = new Uint8Array(0);

/** @throws UsageError */
export function ownMessage(
  topic: string,
  payload: string | Uint8Array,
  options: BrokerPublishOptions,
  maximumTopicLevels: number,
  now: number,
): PublishedMessage {
  const { qos, retain, properties } = readOptions(rules, options);
  for (const name of ofConnections) {
    if (properties?.[name] === undefined) continue;
    throw new UsageError("PROPERTY_INVALID", `publish: ${name} is managed by the broker and cannot be set`);
  }
  const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  const packet = {
    type: "publish",
    topic,
    qos: qos as QoS,
    retain,
    dup: false,
    packetIdentifier: qos > 0 ? 1 : 0,
    properties,
  } as const;
  encode({ ...packet, payload: bytes instanceof Uint8Array ? empty : bytes }, 5); // throws if it cannot be encoded
  if (hasMoreLevels(topic, maximumTopicLevels)) {
    throw new UsageError(
      "TOPIC_NAME_INVALID",
      `publish: topicName has more levels than maximumTopicLevels ${maximumTopicLevels}`,
    );
  }
  // The application may reuse its buffer.
  return publishedMessage(
    { ...packet, payload: bytes.slice(), properties: properties && { ...properties } },
    undefined,
    now,
  );
}
