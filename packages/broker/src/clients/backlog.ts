/**
 * The messages for one client beyond those that may wait in memory. They wait in the store only, and come back in order
 * when the session has sent what it had. So memory does not grow with the queues of clients that are away. While one waits
 * here, those that follow it wait here, too.
 */

import type { Bounds, Clock } from "@aiko/mqtt";
import type { ServerSession } from "@aiko/mqtt/session";
import type { MemoryBudget } from "../messages/memory-budget.js";
import type { PublishedMessage, StoredMessage } from "../messages/published-message.js";
import type { Recipient } from "../messages/subscription-table.js";
import type { ClientJournal } from "../persistence/client-journal.js";
import type { LoadedDelivery, StoredDelivery } from "../persistence/loaded-state.js";
import { StoredQueue } from "../persistence/stored-queue.js";

/** How much may wait for a client: in all, and in memory. */
export interface QueueLimits {
  readonly outbox: Bounds;
  readonly outboxInMemory: Bounds;
}

/** The client, as its backlog sees it. */
export interface BackloggedClient {
  readonly isOnline: boolean;
  readonly hasEnded: boolean;
  readonly session: ServerSession;
  /** The session continues with these messages. */
  take(messages: readonly LoadedDelivery[]): void;
  /** A message in the backlog expires. */
  backlogExpires(until: number): void;
  /** The limits of the outbox do not allow a message. */
  refused(topic: string, reason: string): void;
  /** A message of the backlog could not be read. */
  lost(reason: string): void;
  /** The store could not be read. */
  backlogFailed(error: unknown): void;
}

/** Approximate bytes of a message that waits here. */
const ENTRY = 150;

export class Backlog {
  private readonly queue = new StoredQueue();
  private isFetching = false;
  private waiting: (() => void)[] = [];

  constructor(
    private readonly limits: QueueLimits,
    private readonly journal: ClientJournal,
    private readonly budget: MemoryBudget,
    private readonly clock: Clock,
    private readonly client: BackloggedClient,
  ) {}

  /** The number of messages that wait here. */
  get pending(): number {
    return this.queue.length;
  }

  /** The bytes of their records. */
  get bytes(): number {
    return this.queue.bytes;
  }

  /**
   * Whether a message must wait here: others do, or too many wait in memory. Shared messages must not, because another
   * member may have to receive them.
   */
  needs({ qos, sharedFilters }: Recipient): boolean {
    if (qos === 0 || sharedFilters !== undefined) return false;
    const { maximumCount, maximumBytes } = this.limits.outboxInMemory;
    const { queuedCount, queuedBytes } = this.client.session;
    return this.queue.length > 0 || queuedCount >= maximumCount || queuedBytes >= maximumBytes;
  }

  /** Records a message. Returns false if the outbox is full. */
  put(message: PublishedMessage, recipient: Recipient): boolean {
    const { queue, budget, client } = this;
    const { payload, topic } = message;
    if (!this.hasRoomFor(payload.length)) client.session.dropQos0();
    if (!this.hasRoomFor(payload.length)) {
      client.refused(topic, `${this.fill}: "${topic}" was not queued`);
      return false;
    }
    const key = this.journal.waits(message, recipient, () => {
      if (queue.take(key) !== undefined) budget.take(-ENTRY);
    });
    queue.add(key, message.record as StoredMessage);
    budget.take(ENTRY);
    if (message.expiresAt < Infinity) client.backlogExpires(message.expiresAt);
    this.fetchSoon();
    return true;
  }

  /** Continues with what an earlier process left. */
  restore(deliveries: readonly StoredDelivery[]): void {
    const { queue, budget, client } = this;
    for (const { key, message } of deliveries) queue.add(key, message);
    budget.take(ENTRY * deliveries.length);
    if (queue.expiresAt < Infinity) client.backlogExpires(queue.expiresAt);
  }

  /** Brings messages back as soon as the session has sent what it has. Call it when the client was admitted. */
  fetchSoon(): void {
    const { queue, client } = this;
    if (this.isFetching || queue.length === 0 || !client.isOnline || !client.session.isOnline) return;
    this.isFetching = true;
    client.session.whenRoom(() => void this.fetch());
  }

  /** Calls `then` once, when nothing waits here, or when the connection is lost. */
  whenEmpty(then: () => void): void {
    this.waiting.push(then);
  }

  /** The connection is lost. */
  disconnected(): void {
    this.tellWaiting();
  }

  /** Removes the expired messages. Returns when the next one expires; Infinity if none does. */
  expire(now: number): number {
    for (const each of this.queue.expire(now)) this.remove(each);
    this.tellIfEmpty();
    return this.queue.expiresAt;
  }

  /** The session has ended: removes everything. */
  end(): void {
    for (const each of this.queue.drain()) this.remove(each);
    this.tellWaiting();
  }

  /** Never rejects. */
  private async fetch(): Promise<void> {
    const { queue, client } = this;
    const { maximumCount, maximumBytes } = this.limits.outboxInMemory;
    let messages: LoadedDelivery[] = [];
    try {
      if (client.isOnline && !client.hasEnded) {
        messages = this.taken(await this.journal.read(queue.first(maximumCount, maximumBytes)));
      }
    } catch (error) {
      client.backlogFailed(error);
      this.isFetching = false;
      return;
    }
    this.isFetching = false;
    if (messages.length > 0) client.take(messages);
    this.tellIfEmpty();
    this.fetchSoon();
  }

  /** Takes from the queue what was read, unless it was removed meanwhile. */
  private taken(read: Awaited<ReturnType<ClientJournal["read"]>>): LoadedDelivery[] {
    const { queue, budget, client } = this;
    const now = this.clock.now();
    const messages: LoadedDelivery[] = [];
    for (const each of client.hasEnded ? [] : read) {
      const stored = queue.take(each.key);
      if (stored === undefined) continue;
      if ("record" in each && each.message.expiresAt > now) {
        budget.take(-ENTRY);
        messages.push(each);
      } else {
        this.remove({ key: each.key, message: stored });
        if ("why" in each) client.lost(each.why);
      }
    }
    return messages;
  }

  private hasRoomFor(bytes: number): boolean {
    const { maximumCount, maximumBytes } = this.limits.outbox;
    const { queuedCount, queuedBytes } = this.client.session;
    return queuedCount + this.pending < maximumCount && queuedBytes + this.bytes + bytes <= maximumBytes;
  }

  /** Describes how full the outbox is, for messages. */
  private get fill(): string {
    const { maximumCount, maximumBytes } = this.limits.outbox;
    const { queuedCount, queuedBytes } = this.client.session;
    const held = `${queuedCount + this.pending} messages with ${queuedBytes + this.bytes} bytes`;
    return `the outbox holds ${held}; its limits are ${maximumCount} messages and ${maximumBytes} bytes`;
  }

  private remove({ key, message }: StoredDelivery): void {
    this.budget.take(-ENTRY);
    this.journal.waitsNoLonger(message, key);
  }

  private tellIfEmpty(): void {
    if (this.queue.length === 0) this.tellWaiting();
  }

  private tellWaiting(): void {
    for (const then of this.waiting.splice(0)) then();
  }
}
