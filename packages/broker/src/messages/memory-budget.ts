/**
 * The memory that the broker may use for all clients together: for retained messages, messages that wait, sessions and
 * subscriptions. When it is full, QoS 0 messages that wait are dropped first, those of the longest queue before others.
 * What is new is refused next. Nothing that was acknowledged is dropped.
 */

import type { PublishProperties, QoS } from "@aiko/mqtt";
import type { Will } from "@aiko/mqtt/codec";

/** A message that may wait for several clients. Its payload is counted once. */
export interface HeldMessage {
  readonly payload: Uint8Array;
  readonly topic: string;
  readonly properties?: PublishProperties | undefined;
  /** The number of clients that it waits for. Only the budget changes it. */
  holders: number;
}

/** A client whose waiting QoS 0 messages can be dropped. */
export interface QueueOwner {
  /** Drops them. Each is released meanwhile. */
  dropQos0(): void;
}

/** Approximate bytes of a message that waits for one client, without what all clients share. */
const DELIVERY = 300;
const MESSAGE = 200;
/** Approximate bytes of a session without its texts, and of a subscription without its topic filter (Node.js 22). */
export const SESSION_SIZE = 3_000;
const SUBSCRIPTION = 500;
/** Approximate bytes of a level of a topic in a tree, and of a user property without its texts. */
const LEVEL = 200;
const USER_PROPERTY = 100;
/** After messages were dropped, this part of the limit is in use at most, if enough could be dropped. */
const RELIEVED = 0.95;

export class MemoryBudget {
  private total = 0;
  /** The bytes of the QoS 0 messages that wait for each client. */
  private readonly droppable = new Map<QueueOwner, number>();

  /** @param limit in bytes */
  constructor(public limit: number) {}

  /** Bytes in use. */
  get used(): number {
    return this.total;
  }

  /** Whether nothing new is accepted. */
  get isFull(): boolean {
    if (this.total < this.limit) return false;
    this.relieve();
    return this.total >= this.limit;
  }

  /** Counts bytes; a negative number gives them back. */
  take(bytes: number): void {
    this.total += bytes;
  }

  /** Counts a message that waits for one more client. */
  hold(message: HeldMessage, owner: QueueOwner, qos: QoS): void {
    if (message.holders++ === 0) this.total += sizeOf(message);
    this.total += DELIVERY;
    if (qos === 0) this.droppable.set(owner, (this.droppable.get(owner) ?? 0) + DELIVERY + sizeOf(message));
    if (this.total >= this.limit) this.relieve();
  }

  /** The message does not wait for this client any more. */
  release(message: HeldMessage, owner: QueueOwner, qos: QoS): void {
    if (--message.holders === 0) this.total -= sizeOf(message);
    this.total -= DELIVERY;
    if (qos > 0) return;
    const left = (this.droppable.get(owner) ?? 0) - DELIVERY - sizeOf(message);
    if (left > 0) this.droppable.set(owner, left);
    else this.droppable.delete(owner);
  }

  /** Drops QoS 0 messages. Frees more than is needed, so that it does not run for each message. */
  private relieve(): void {
    if (this.droppable.size === 0) return;
    const owners = [...this.droppable].sort(([, a], [, b]) => b - a);
    for (const [owner] of owners) {
      if (this.total <= this.limit * RELIEVED) return;
      owner.dropQos0();
    }
  }
}

function sizeOf({ topic, payload, properties }: HeldMessage): number {
  return MESSAGE + topic.length + payload.length + (properties === undefined ? 0 : propertiesSize(properties));
}

/** Returns the approximate bytes of properties. */
export function propertiesSize(properties: PublishProperties): number {
  const { contentType = "", responseTopic = "", correlationData, userProperties } = properties;
  let size = contentType.length + responseTopic.length + (correlationData?.length ?? 0);
  if (userProperties !== undefined)
    for (const [name, value] of userProperties) size += name.length + value.length + USER_PROPERTY;
  return size;
}

/** Returns the approximate bytes of a topic in a tree. */
export function topicSize(topic: string): number {
  let levels = 1;
  for (let at = topic.indexOf("/"); at >= 0; at = topic.indexOf("/", at + 1)) levels++;
  return topic.length + levels * LEVEL;
}

/** Returns the approximate bytes of a subscription. */
export function subscriptionSize(topicFilter: string): number {
  return SUBSCRIPTION - LEVEL + topicSize(topicFilter);
}

/** Returns the approximate bytes of a will. */
export function willSize(will: Will | undefined): number {
  if (will === undefined) return 0;
  const { topic, payload, properties } = will;
  return topic.length + payload.length + (properties === undefined ? 0 : propertiesSize(properties));
}
