/**
 * Messages that wait in the store, in order: the keys of their records, 16 bytes each in addition to what all who refer
 * to a message share. Reads and writes no record. A delivery that is recorded later has a higher key.
 */

import type { StoredMessage } from "../messages/published-message.js";
import type { StoredDelivery } from "./loaded-state.js";

/** Room of removed entries is freed when there are so many of them, and more than half of all. */
const COMPACT_AT = 1_024;

export class StoredQueue {
  /** The keys of the deliveries, in ascending order, and their messages. Undefined: it was removed. */
  private keys: number[] = [];
  private messages: (StoredMessage | undefined)[] = [];
  /** Where the first one is. */
  private head = 0;
  private count = 0;
  private size = 0;
  private nextExpiry = Infinity;

  get length(): number {
    return this.count;
  }

  /** The bytes of the messages' records. */
  get bytes(): number {
    return this.size;
  }

  /** When the next message expires, or before. In the clock's milliseconds; Infinity if none does. */
  get expiresAt(): number {
    return this.nextExpiry;
  }

  /** Adds a message. @param key of its delivery, above all others */
  add(key: number, message: StoredMessage): void {
    this.keys.push(key);
    this.messages.push(message);
    this.count++;
    this.size += message.size;
    this.nextExpiry = Math.min(this.nextExpiry, message.expiresAt);
  }

  /** Returns the first ones, as far as these limits allow, but at least one. */
  first(maximumCount: number, maximumBytes: number): StoredDelivery[] {
    const found: StoredDelivery[] = [];
    let bytes = 0;
    for (let at = this.head; at < this.keys.length && found.length < maximumCount; at++) {
      const message = this.messages[at];
      if (message === undefined) continue;
      bytes += message.size;
      if (found.length > 0 && bytes > maximumBytes) break;
      found.push({ key: this.keys[at] as number, message });
    }
    return found;
  }

  /** Removes and returns a message by the key of its delivery; undefined if it is not here. */
  take(key: number): StoredMessage | undefined {
    const at = this.find(key);
    const message = this.messages[at];
    if (this.keys[at] !== key || message === undefined) return undefined;
    this.messages[at] = undefined;
    this.count--;
    this.size -= message.size;
    if (this.count === 0) this.clear();
    else this.trim();
    return message;
  }

  /** Removes the expired messages, and returns them. */
  expire(now: number): StoredDelivery[] {
    const expired: StoredDelivery[] = [];
    let next = Infinity;
    for (let at = this.head; at < this.keys.length; at++) {
      const message = this.messages[at];
      if (message === undefined) continue;
      if (message.expiresAt <= now) expired.push({ key: this.keys[at] as number, message });
      else next = Math.min(next, message.expiresAt);
    }
    for (const { key } of expired) this.take(key);
    this.nextExpiry = next;
    return expired;
  }

  /** Removes all messages, and returns them. */
  drain(): StoredDelivery[] {
    const all = this.first(Infinity, Infinity);
    this.clear();
    return all;
  }

  /** The place of the key, or of the next higher one. */
  private find(key: number): number {
    let low = this.head;
    let high = this.keys.length;
    if (this.keys[low] === key) return low;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.keys[middle] as number) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private trim(): void {
    while (this.messages[this.head] === undefined) this.head++;
    while (this.messages.at(-1) === undefined) {
      this.messages.pop();
      this.keys.pop();
    }
    const removed = this.keys.length - this.count;
    if (removed < COMPACT_AT || removed < this.count) return;
    const isThere = (_: unknown, at: number): boolean => this.messages[at] !== undefined;
    this.keys = this.keys.filter(isThere);
    this.messages = this.messages.filter(isThere);
    this.head = 0;
  }

  private clear(): void {
    this.keys = [];
    this.messages = [];
    this.head = 0;
    this.count = 0;
    this.size = 0;
    this.nextExpiry = Infinity;
  }
}
