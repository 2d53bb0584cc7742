/**
 * The retained messages: the last message published with RETAIN for each topic name, within limits that hold for all
 * publishers together and for each of them. One timer removes expired messages, even if no client requests them.
 */

import type { Bounds, Clock, Timer } from "@aiko/mqtt";
import { TopicNameTree } from "@aiko/mqtt/topic";
import type { BrokerJournal } from "../persistence/broker-journal.js";
import type { LoadedRetained } from "../persistence/loaded-state.js";
import { writeRecord } from "../persistence/record-writing.js";
import { type MemoryBudget, propertiesSize, topicSize } from "./memory-budget.js";
import { forKeeping, type PublishedMessage } from "./published-message.js";
import { RetainedShares } from "./retained-shares.js";

/** A topic that has a retained message. */
export interface Retained {
  message: PublishedMessage;
  /** Numbers the messages in the order in which they were retained. */
  sequence: number;
  /** A small number that no other topic has at the same time. */
  readonly slot: number;
  /** The key of its record. 0 without a store. */
  key: number;
}

export class RetainedMessages {
  private readonly tree = new TopicNameTree<Retained>();
  private readonly shares: RetainedShares;
  private readonly freeSlots: number[] = [];
  private latest = 0;
  /** No message expires before this time. */
  private nextExpiry = Infinity;
  private sweptAt = -Infinity;
  private timer: Timer | undefined;
  /** When the timer fires. */
  private dueAt = Infinity;

  /** @param share the part of the bounds that one publisher may use, up to 1 */
  constructor(
    private readonly clock: Clock,
    bounds: Bounds,
    share: number,
    readonly budget: MemoryBudget,
    private readonly journal?: BrokerJournal,
  ) {
    this.shares = new RetainedShares(bounds, share, budget);
  }

  get size(): number {
    return this.tree.size;
  }

  /** The approximate memory of all messages. */
  get bytes(): number {
    return this.shares.bytes;
  }

  /** The number of the message that was retained last. */
  get sequence(): number {
    return this.latest;
  }

  /** One more than the highest slot in use. */
  get slots(): number {
    return this.tree.size + this.freeSlots.length;
  }

  /**
   * Returns why there is no room for the message; undefined if there is room. A message that expires or removes another
   * one always has room.
   */
  refusal(message: PublishedMessage, now: number): string | undefined {
    if (message.payload.length === 0) return undefined;
    if (this.budget.isFull) return `the limit maximumMemory ${this.budget.limit} is reached`;
    const size = sizeOf(message);
    const former = this.tree.get(message.topic)?.message;
    const full = this.shares.refusal(message, size, former, former && sizeOf(former));
    if (full === undefined || !this.sweep(now)) return full;
    this.sweepInTime(now);
    const left = this.tree.get(message.topic)?.message;
    return this.shares.refusal(message, size, left, left && sizeOf(left));
  }

  /** Keeps the message, or removes the topic's message if it is empty [MQTT-3.3.1-10]. `refusal` was asked before. */
  keep(message: PublishedMessage, now: number): void {
    const { topic } = message;
    const former = this.tree.get(topic);
    if (message.payload.length === 0) {
      if (former !== undefined) this.forget(former);
      return;
    }
    const kept = forKeeping(message);
    if (former === undefined) this.record(this.place(kept, 0));
    else this.replace(former, kept);
    this.nextExpiry = Math.min(this.nextExpiry, message.expiresAt);
    this.sweepInTime(now);
  }

  /** Adds the messages of an earlier process. The limits do not hold for them. */
  restore(retained: readonly LoadedRetained[], now: number): void {
    for (const { key, message } of retained) {
      this.place(message, key);
      this.nextExpiry = Math.min(this.nextExpiry, message.expiresAt);
    }
    this.sweepInTime(now);
  }

  /** Cancels the timer: the broker is closed. */
  close(): void {
    this.timer?.cancel();
  }

  /** Returns what is retained for a topic; undefined if nothing is, or if it has expired. */
  get(topic: string, now: number): Retained | undefined {
    const retained = this.tree.get(topic);
    return retained === undefined || retained.message.expiresAt <= now ? undefined : retained;
  }

  /**
   * Iterates over the messages that an unshared filter matches, including expired ones. Messages may be added and removed
   * meanwhile.
   */
  find(topicFilter: string): IterableIterator<Retained> {
    return this.tree.find(topicFilter);
  }

  /** The same. Also yields undefined while it finds none, so that the search can be interrupted. */
  search(topicFilter: string): IterableIterator<Retained | undefined> {
    return this.tree.search(topicFilter);
  }

  /**
   * Removes expired messages. It checks every message, so it does not run at each publication. Returns false if it did
   * not run.
   */
  private sweep(now: number): boolean {
    if (this.nextExpiry > now || now < this.sweptAt + SWEEP_INTERVAL) return false;
    this.sweptAt = now;
    this.nextExpiry = Infinity;
    const expired: Retained[] = [];
    this.tree.forEach((retained) => {
      const { expiresAt } = retained.message;
      if (expiresAt <= now) expired.push(retained);
      else this.nextExpiry = Math.min(this.nextExpiry, expiresAt);
    });
    for (const retained of expired) this.forget(retained);
    return true;
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

  private place(message: PublishedMessage, key: number): Retained {
    this.shares.add(message, sizeOf(message));
    const slot = this.freeSlots.pop() ?? this.tree.size;
    const retained = { message, sequence: ++this.latest, slot, key };
    this.tree.set(message.topic, retained);
    return retained;
  }

  private record(retained: Retained): void {
    const { journal } = this;
    // The broker's own topics are published again by the next process.
    if (journal === undefined || retained.message.topic.startsWith("$SYS/")) return;
    const record = { kind: "retained", message: journal.hold(retained.message).key } as const;
    retained.key = journal.add(writeRecord(record), () => this.forget(retained));
  }

  private replace(retained: Retained, message: PublishedMessage): void {
    const { journal } = this;
    const former = retained.message;
    this.shares.remove(former, sizeOf(former));
    this.shares.add(message, sizeOf(message));
    retained.message = message;
    retained.sequence = ++this.latest;
    if (journal === undefined || retained.key === 0) return;
    const record = { kind: "retained", message: journal.hold(message).key } as const;
    journal.set(retained.key, writeRecord(record), () => {
      if (this.tree.get(former.topic) === retained) this.replace(retained, former);
    });
    journal.release(former.record);
  }

  private forget({ message, slot, key }: Retained): void {
    if (!this.tree.delete(message.topic)) return;
    this.shares.remove(message, sizeOf(message));
    this.freeSlots.push(slot);
    if (this.journal === undefined || key === 0) return;
    this.journal.delete(key);
    this.journal.release(message.record);
  }
}

/** In milliseconds. */
const SWEEP_INTERVAL = 1_000;
/** The approximate memory of a message in addition to its text and bytes, and to its place in the tree (Node.js 22). */
const MESSAGE_OVERHEAD = 200;

function sizeOf({ topic, payload, properties }: PublishedMessage): number {
  const size = MESSAGE_OVERHEAD + topicSize(topic) + payload.length;
  return properties === undefined ? size : size + propertiesSize(properties);
}
