/**
 * The topic aliases of a server: a topic name gets one at its first publication. A client publishes many topics once,
 * so it waits for the second publication. A server passes on the topics of all its publishers, and most of them repeat.
 */

import { OutgoingTopicAliases } from "./outgoing-topic-aliases.js";

export class ImmediateTopicAliases extends OutgoingTopicAliases {
  protected override isFirst(): boolean {
    return false;
  }
}
