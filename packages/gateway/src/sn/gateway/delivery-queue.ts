/**
 * The messages that wait for one client, while it sleeps or has not acknowledged the one before. Bounded: beyond, messages
 * of QoS 0 are dropped first, the oldest of them, and otherwise the new message.
 */

import type { QueueBounds } from "./sn-settings.js";
import type { SnDelivery, SnMessage } from "./sn-uplink.js";

/** A message for the client, and what hears what became of it. */
export interface Delivery {
  readonly message: SnMessage;
  settle(outcome: SnDelivery): void;
  /** That of its first PUBLISH. Undefined: it was not sent yet. */
  messageId: number | undefined;
  /** Whether it was sent again because the client did not know its topic. */
  isRegisteredAgain: boolean;
  /** At QoS 2, whether the client has it: PUBREC came, and only PUBREL and PUBCOMP are missing. */
  isReceived: boolean;
}

export class DeliveryQueue {
  private waiting: Delivery[] = [];
  private bytes = 0;

  constructor(private readonly bounds: QueueBounds) {}

  get length(): number {
    return this.waiting.length;
  }

  /** Adds a message. Returns those that have no room, perhaps this one. */
  add(delivery: Delivery): readonly Delivery[] {
    const dropped: Delivery[] = [];
    const size = sizeOf(delivery);
    if (size > this.bounds.bytes) return [delivery];
    while (!this.hasRoom(size)) {
      const at = this.waiting.findIndex(({ message }) => message.qos === 0);
      if (at < 0) return [...dropped, delivery];
      for (const each of this.waiting.splice(at, 1)) {
        this.bytes -= sizeOf(each);
        dropped.push(each);
      }
    }
    this.waiting.push(delivery);
    this.bytes += size;
    return dropped;
  }

  /** Adds a message again that was the first. It has room. */
  restore(delivery: Delivery): void {
    this.waiting.unshift(delivery);
    this.bytes += sizeOf(delivery);
  }

  /** Removes the first message. */
  next(): Delivery | undefined {
    const first = this.waiting.shift();
    if (first !== undefined) this.bytes -= sizeOf(first);
    return first;
  }

  /** Returns the message that was sent with this identifier. It can only be the first. */
  find(messageId: number): Delivery | undefined {
    const [first] = this.waiting;
    return first?.messageId === messageId ? first : undefined;
  }

  /** Removes the message with this identifier if the client has it. */
  takeReceived(messageId: number): Delivery | undefined {
    return this.find(messageId)?.isReceived === true ? this.next() : undefined;
  }

  /** Removes all. */
  drain(): readonly Delivery[] {
    this.bytes = 0;
    return this.waiting.splice(0);
  }

  private hasRoom(size: number): boolean {
    return this.waiting.length < this.bounds.records && this.bytes + size <= this.bounds.bytes;
  }
}

function sizeOf({ message: { topic, payload } }: Delivery): number {
  return topic.length + payload.length;
}
