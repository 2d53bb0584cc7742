/**
 * The messages for one client beyond those that may wait in memory. They wait in the store only, and come back in order
 * when the session has sent what it had. So memory does not grow with the queues of clients that are away. A message that
 * follows one that waits here must wait here, too.
 */

import type { Bounds, Clock, Timer } from "@aiko/mqtt";
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
  readonly hasSharedSubscriptions: boolean;
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

/** Approximate bytes of a message that waits here; and of one in memory, without its record. */
const ENTRY = 150;
const MESSAGE = 500;
/** Milliseconds until the next attempt if the broker's memory was full. */
const RETRY = 100;

export class Backlog {
  private readonly queue = new StoredQueue();
  private isFetching = false;
  /** The bytes that are counted for messages that are being read. */
  private fetched = 0;
  private retry: Timer | undefined;
  private isClosed = false;
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
   * member may have to receive them. So that they keep the order with others, no message begins to wait here for a client
   * that has shared subscriptions.
   */
  needs({ qos, sharedFilters }: Recipient): boolean {
    if (qos === 0 || sharedFilters !== undefined) return false;
    const { maximumCount, maximumBytes } = this.limits.outboxInMemory;
    const { queuedCount, queuedBytes } = this.client.session;
    if (this.queue.length > 0) return true;
    return (queuedCount >= maximumCount || queuedBytes >= maximumBytes) && !this.client.hasSharedSubscriptions;
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
    if (this.isFetching || this.isClosed || queue.length === 0) return;
    if (!client.isOnline || !client.session.isOnline) return;
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

  /** The broker is closed: nothing is read any more. */
  close(): void {
    this.isClosed = true;
    this.retry?.cancel();
  }

  /** The session has ended: removes everything. */
  end(): void {
    this.close();
    for (const each of this.queue.drain()) this.remove(each);
    this.tellWaiting();
  }

  /** Never rejects. */
  private async fetch(): Promise<void> {
    const { client } = this;
    const next = client.isOnline && !this.isClosed ? this.next() : [];
    if (next === undefined) {
      this.retry = this.clock.schedule(RETRY, () => void this.fetch());
      return;
    }
    let read: Awaited<ReturnType<ClientJournal["read"]>> = [];
    let failure: { readonly error: unknown } | undefined;
    try {
      if (next.length > 0) read = await this.journal.read(next);
    } catch (error) {
      failure = { error };
    }
    this.budget.take(-this.fetched);
    this.fetched = 0;
    this.isFetching = false;
    if (this.isClosed) return;
    if (failure === undefined) this.continueWith(read);
    else client.backlogFailed(failure.error);
  }

  /**
   * Returns the messages that come back next, and counts their memory. If the broker's memory is full, that is one message
   * of a client that has no other; undefined if it has one.
   */
  private next(): StoredDelivery[] | undefined {
    const { queue, budget, client } = this;
    const { maximumCount, maximumBytes } = this.limits.outboxInMemory;
    const room = budget.isFull ? 0 : budget.limit - budget.used;
    const affordable = Math.floor(room / (MESSAGE + queue.bytes / queue.length));
    if (affordable < 1 && client.session.pending > 0) return undefined;
    const next = queue.first(Math.max(1, Math.min(maximumCount, affordable)), maximumBytes);
    for (const { message } of next) this.fetched += MESSAGE + message.size;
    budget.take(this.fetched);
    return next;
  }

  /** Passes what was read to the session, unless it was removed meanwhile. */
  private continueWith(read: Awaited<ReturnType<ClientJournal["read"]>>): void {
    const { queue, budget, client } = this;
    const now = this.clock.now();
    const messages: LoadedDelivery[] = [];
    const lost: string[] = [];
    for (const each of read) {
      const stored = queue.take(each.key);
      if (stored === undefined) continue;
      if ("record" in each && each.message.expiresAt > now) {
        budget.take(-ENTRY);
        messages.push(each);
      } else {
        this.remove({ key: each.key, message: stored });
        if ("why" in each) lost.push(each.why);
      }
    }
    if (messages.length > 0) client.take(messages);
    for (const why of lost) client.lost(why); // last, because the application may end the session now
    this.tellIfEmpty();
    this.fetchSoon();
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
