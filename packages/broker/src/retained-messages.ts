/** The retained messages: the last one published with RETAIN for each topic name, within bounds. */

import { TopicNameTree } from "@aiko/mqtt/topic";
import { forKeeping, type PublishedMessage } from "./published-message.js";

export class RetainedMessages {
  private readonly tree = new TopicNameTree<PublishedMessage>();
  private bytes = 0;

  constructor(
    private readonly maximumCount: number,
    private readonly maximumBytes: number,
  ) {}

  get size(): number {
    return this.tree.size;
  }

  /** Keeps the message, or removes its topic's if it is empty [MQTT-3.3.1-10]. False if a bound forbids it. */
  keep(message: PublishedMessage): boolean {
    const { topic } = message;
    const former = this.tree.get(topic);
    const freed = former === undefined ? 0 : sizeOf(former);
    if (message.payload.length === 0) {
      if (this.tree.delete(topic)) this.bytes -= freed;
      return true;
    }
    const size = sizeOf(message);
    if (former === undefined && this.tree.size >= this.maximumCount) return false;
    if (this.bytes - freed + size > this.maximumBytes) return false;
    this.tree.set(topic, forKeeping(message));
    this.bytes += size - freed;
    return true;
  }

  /** Calls `visit` for each that an unshared filter matches and that has not expired. */
  match(topicFilter: string, now: number, visit: (message: PublishedMessage) => void): void {
    const expired: PublishedMessage[] = [];
    this.tree.match(topicFilter, (message) => {
      if (message.expiresAt > now) visit(message);
      else expired.push(message);
    });
    for (const message of expired) {
      this.tree.delete(message.topic);
      this.bytes -= sizeOf(message);
    }
  }
}

function sizeOf(message: PublishedMessage): number {
  return message.topic.length + message.payload.length;
}
