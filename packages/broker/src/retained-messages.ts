/**
 * The retained messages: the last one published with RETAIN for each topic name, within bounds. Expired ones are forgotten by one
 * timer, whether or not anybody asks for them.
 */

import type { Bounds, Clock, Timer } from "@aiko/mqtt";
import { TopicNameTree } from "@aiko/mqtt/topic";
import { forKeeping, type PublishedMessage } from "./published-message.js";

export class RetainedMessages {
  private readonly tree = new TopicNameTree<PublishedMessage>();
  private bytes = 0;
  /** No message expires before. */
  private nextExpiry = Infinity;
  private sweptAt = -Infinity;
  private timer: Timer | undefined;
  /** When the timer is due. */
  private dueAt = Infinity;

  constructor(
    private readonly clock: Clock,
    private readonly bounds: Bounds,
  ) {}

  get size(): number {
    return this.tree.size;
  }

  /** Keeps the message, or removes its topic's if it is empty [MQTT-3.3.1-10]. False if a bound forbids it. */
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

  /** No timer is due any more: the broker ends. */
  close(): void {
    this.timer?.cancel();
  }

  /** Calls `visit` for each that an unshared filter matches and that has not expired, until it returns false. */
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

  /** Forgets what has expired, if anything has. Looks at every message, and so does not do it at each publication. */
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

  /** Sets the timer for when the next message expires, but not sooner than a sweep may follow another. */
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

/** Milliseconds. */
const SWEEP_INTERVAL = 1_000;
/** What a message takes besides its text and bytes, and what a level of its topic does, about (Node.js 22). */
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
