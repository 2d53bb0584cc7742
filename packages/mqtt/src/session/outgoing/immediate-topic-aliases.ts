/**
 * The topic aliases of a server: a topic name gets one at its first publication. A client publishes many topics once,
 * so it waits for the second publication. A server passes on the topics of all its publishers, and most of them repeat.
 */

import { OutgoingTopicAliases } from "./outgoing-topic-aliases.js";

/** In characters. */
const LONGEST_TOPIC = 1_024;

export class ImmediateTopicAliases extends OutgoingTopicAliases {
  /** Long topics have no alias: each connection would keep them. */
  protected override isFirst(topic: string): boolean {
    return topic.length > LONGEST_TOPIC;
  }
}
