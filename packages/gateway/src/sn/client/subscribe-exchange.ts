/** SUBSCRIBE and SUBACK [SN 6.9]. */

import { hasWildcard } from "@aiko/mqtt/topic";
import type { FilterTopic, SnPacket } from "../packets.js";
import { type Exchange, FINISH, IGNORE, refused, type Step } from "./exchange.js";
import { shownTopic, topicName } from "./publish-exchange.js";
import type { Topics } from "./topics.js";

export class SubscribeExchange implements Exchange {
  readonly what: string;
  readonly topic: string | undefined;
  /** The QoS that the gateway granted. */
  granted: 0 | 1 | 2;

  constructor(
    private readonly filter: FilterTopic,
    private readonly qos: 0 | 1 | 2,
    private readonly topics: Topics,
    private readonly messageId: number,
  ) {
    this.what = `SUBSCRIBE to ${shownTopic(filter)}`;
    this.topic = topicName(filter, topics);
    this.granted = qos;
  }

  begin(): Step {
    const { filter: topic, qos, messageId } = this;
    return { to: "send", packet: { type: "subscribe", dup: false, topic, qos, messageId } };
  }

  receive(packet: SnPacket): Step {
    const { filter } = this;
    if (packet.type !== "suback" || packet.messageId !== this.messageId) return IGNORE;
    if (packet.returnCode !== 0) return refused("SUBSCRIBE_REFUSED", this.what, packet.returnCode);
    this.granted = packet.qos;
    // The identifier of a filter with wildcards is 0; others are used by the messages [SN 5.4.16].
    if (filter.kind === "normal" && packet.topicId !== 0 && !hasWildcard(filter.name)) {
      this.topics.learn(packet.topicId, filter.name);
    }
    return FINISH;
  }
}
