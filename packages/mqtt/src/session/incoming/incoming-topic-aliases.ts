/** The topic aliases that the peer set on one network connection. They are valid until it ends [MQTT5-3.3.2-7]. */

import { forbidden } from "../../codec/cursor.js";
import type { PublishPacket } from "../../codec/packets.js";
import { ProtocolError } from "../../errors.js";
import { TOPIC_ALIAS_INVALID } from "../../reason-code.js";

export class IncomingTopicAliases {
  /** Created with the first alias. */
  private topics: Map<number, string> | undefined;
  /** The length of all topics. */
  private length = 0;

  /** @param maximum the topicAliasMaximum that this side announced */
  constructor(private readonly maximum: number) {}

  /** The length of all topics that have an alias. */
  get size(): number {
    return this.length;
  }

  clear(): void {
    this.topics = undefined;
    this.length = 0;
  }

  /** Returns the packet with its topic name, and without the alias, which is only valid on this connection. */
  resolve(packet: PublishPacket): PublishPacket {
    if (packet.properties?.topicAlias === undefined) return packet;
    const { topicAlias, ...properties } = packet.properties;
    if (topicAlias > this.maximum) {
      throw new ProtocolError(
        "TOPIC_ALIAS_INVALID",
        TOPIC_ALIAS_INVALID,
        `publish: topicAlias ${topicAlias} is above the topicAliasMaximum of ${this.maximum} [MQTT5-3.3.2-9]`,
      );
    }
    if (packet.topic !== "") {
      this.topics ??= new Map();
      this.length += packet.topic.length - (this.topics.get(topicAlias)?.length ?? 0);
      this.topics.set(topicAlias, packet.topic);
      return { ...packet, properties };
    }
    const topic = this.topics?.get(topicAlias);
    if (topic === undefined) throw forbidden(`publish: topicAlias ${topicAlias} has no topic name yet [MQTT5-3.3.2-7]`);
    return { ...packet, topic, properties };
  }
}
