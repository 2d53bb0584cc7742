/**
 * The retained messages: the last message published with RETAIN for each topic name, within limits. One timer removes
 * expired messages, even if no client requests them.
 */

import type { Bounds, Clock, Timer } from "@aiko/mqtt";
import { TopicNameTree } from "@aiko/mqtt/topic";
import { forKeeping, type PublishedMessage } from "./published-message.js";

export class RetainedMessages {
  private readonly tree = new TopicNameTree<PublishedMessage>();
  private bytes = 0;
  /** No message expires before this time. */
  private nextExpiry = Infinity;
  private sweptAt = -Infinity;
  private timer: Timer | undefined;
  /** When the timer fires. */
  private dueAt = Infinity;

  constructor(
    private readonly clock: Clock,
    private readonly bounds: Bounds,
  ) {}

  get size(): number {
    return this.tree.size;
  }

  /**
   * Keeps the message, or removes the topic's message if it is empty [MQTT-3.3.1-10]. Returns false if a limit is
   * exceeded.
   */
  keep(message: PublishedMessage, now: number): boolean {
    const { topic } = message;
    if (message.payload.length === 0) {
      const former = this.tree.get(topic);
      if (former !== undefined) this.forget(former);
      return true;
    }
    const size = sizeOf(message);
    if (!this.hasRoom(topic, size)) {
      this.sweep(now);
      this.sweepInTime(now);
      if (!this.hasRoom(topic, size)) return false;
    }
    const former = this.tree.get(topic);
    this.bytes += size - (former === undefined ? 0 : sizeOf(former));
    this.tree.set(topic, forKeeping(message));
    this.nextExpiry = Math.min(this.nextExpiry, message.expiresAt);
    this.sweepInTime(now);
    return true;
  }

  /** Cancels the timer: the broker is closed. */
  close(): void {
    this.timer?.cancel();
  }

  /** Calls `visit` for each unexpired message that an unshared filter matches, until it returns false. */
  match(topicFilter: string, now: number, visit: (message: PublishedMessage) => boolean): void {
    const expired: PublishedMessage[] = [];
    this.tree.match(topicFilter, (message) => {
      if (message.expiresAt > now) return visit(message);
      expired.push(message);
      return true;
    });
    for (const message of expired) this.forget(message);
  }

  private hasRoom(topic: string, size: number): boolean {
    const former = this.tree.get(topic);
    if (former === undefined && this.tree.size >= this.bounds.maximumCount) return false;
    return this.bytes - (former === undefined ? 0 : sizeOf(former)) + size <= this.bounds.maximumBytes;
  }

  /** Removes expired messages, if there are any. It checks every message, so it does not run at each publication. */
  private sweep(now: number): void {
    if (this.nextExpiry > now || now < this.sweptAt + SWEEP_INTERVAL) return;
    this.sweptAt = now;
    this.nextExpiry = Infinity;
    const expired: PublishedMessage[] = [];
    this.tree.forEach((message) => {
      if (message.expiresAt <= now) expired.push(message);
      else this.nextExpiry = Math.min(this.nextExpiry, message.expiresAt);
    });
    for (const message of expired) this.forget(message);
  }

  /** Sets the timer for the next expiry, but not earlier than `SWEEP_INTERVAL` after the last sweep. */
  private sweepInTime(now: number): void {
    const at = Math.max(this.nextExpiry, this.sweptAt + SWEEP_INTERVAL);
    if (at === this.dueAt) return;
    this.timer?.cancel();
    this.dueAt = at;
    if (at === Infinity) return;
    this.timer = this.clock.schedule(Math.max(1, at - now), () => {
      this.dueAt = Infinity;
      const then = this.clock.now();
      this.sweep(then);
      this.sweepInTime(then);
    });
  }

  private forget(message: PublishedMessage): void {
    if (this.tree.delete(message.topic)) this.bytes -= sizeOf(message);
  }
}

/** In milliseconds. */
const SWEEP_INTERVAL = 1_000;
/** The approximate memory of a message in addition to its text and bytes, and of a level of its topic (Node.js 22). */
const MESSAGE_OVERHEAD = 200;
const LEVEL_OVERHEAD = 200;
const USER_PROPERTY_OVERHEAD = 100;

function sizeOf(message: PublishedMessage): number {
  const { topic, payload, properties = {} } = message;
  const { contentType = "", responseTopic = "", correlationData, userProperties = [] } = properties;
  let size = MESSAGE_OVERHEAD + topic.split("/").length * LEVEL_OVERHEAD + topic.length + payload.length;
  size += contentType.length + responseTopic.length + (correlationData?.length ?? 0);
  for (const [name, value] of userProperties) size += name.length + value.length + USER_PROPERTY_OVERHEAD;
  return size;
}
