/**
 * Everything that the broker keeps of one client: its session, its subscriptions, its will, and its connection if it
 * has one.
 */

import { type Clock, type MqttError, ProtocolError, type QoS, type Timer } from "@aiko/mqtt";
import {
  type AckProperties,
  type ConnectPacket,
  type DisconnectPacket,
  type DisconnectProperties,
  type Packet,
  type ProtocolVersion,
  type PublishPacket,
  ReasonCode,
  type SubscribePacket,
  type UnsubscribePacket,
  type Will,
} from "@aiko/mqtt/codec";
import {
  type Delivery,
  type OutgoingMessage,
  ServerSession,
  type ServerSessionEvents,
  type ServerSessionOptions,
} from "@aiko/mqtt/session";
import type { ClientConnection } from "../connecting/client-connection.js";
import type { DeliveryGate, GatedClient } from "../hooks/delivery-gate.js";
import type { ExpiringQueue } from "../messages/expiry-sweep.js";
import { type MemoryBudget, type QueueOwner, SESSION_SIZE, willSize } from "../messages/memory-budget.js";
import {
  DeliveredMessage,
  forKeeping,
  ownBytes,
  type PublishedMessage,
  type SharedMessage,
} from "../messages/published-message.js";
import { restoredMessage } from "../messages/restored-message.js";
import type { ClientSubscription, Recipient, Subscriber } from "../messages/subscription-table.js";
import type { BrokerJournal } from "../persistence/broker-journal.js";
import { ClientJournal, type JournaledClient } from "../persistence/client-journal.js";
import type { LoadedDelivery, LoadedSession } from "../persistence/loaded-state.js";
import { Backlog, type BackloggedClient, type QueueLimits } from "./backlog.js";
import type { BrokerClient } from "./broker-client.js";
import { type ConnectionOrigin, type HandledClient, SessionHandle } from "./session-handle.js";

/** What all sessions share. */
export type SessionSettings = ServerSessionOptions & QueueLimits;

/** What a client needs of the rest of the broker. */
export interface ClientOwner {
  published(client: KnownClient, packet: PublishPacket, delivery: Delivery | undefined): void;
  subscribe(client: KnownClient, packet: SubscribePacket): void;
  unsubscribe(client: KnownClient, packet: UnsubscribePacket): void;
  /** The connection has ended; `will` is the will to publish, if any. */
  disconnected(client: KnownClient, will: Will | undefined, reason: string): void;
  /** A message that expires waits in a queue of the client. */
  waits(queue: ExpiringQueue, until: number): void;
  /** A message for the client exceeded a limit. */
  dropped(client: KnownClient, topic: string, reason: string): void;
  /** The client has a message with this payload. */
  delivered(payload: Uint8Array): void;
  /** The application ends the session, or it could not be stored. */
  discard(client: KnownClient): void;
  /** A subscription could not be stored. */
  unsubscribeUnrecorded(client: KnownClient, topicFilter: string): void;
  /** A message could not be read from the store. */
  unreadable(reason: string): void;
  /** The store could not be read. */
  readingFailed(error: unknown): void;
  /** The client must not receive the message; another member of these shared subscriptions may. */
  denied(client: KnownClient, message: PublishedMessage, sharedFilters: readonly string[] | undefined): void;
}

/** The errors of a delivery that mean that the broker has no room for it. Others are due to the client, or to expiry. */
const BOUNDS: ReadonlySet<MqttError["code"]> = new Set([
  "OUTBOX_FULL",
  "OUTBOX_DROPPED",
  "MAXIMUM_PACKET_SIZE_EXCEEDED",
  "STORE_FULL",
  "STORE_FAILED",
  "STORE_TIMEOUT",
]);

/** Messages that wait for `authorizeDeliver` are not dropped for others. */
const UNDROPPABLE = 1;

const NONE: ReadonlySet<string> = new Set();

/** Before its first connection. */
const UNKNOWN: ConnectionOrigin = { username: undefined, address: undefined, listener: undefined, connectedAt: 0 };

export class KnownClient
  implements ServerSessionEvents, Subscriber, GatedClient, HandledClient, JournaledClient, QueueOwner, BackloggedClient
{
  readonly session: ServerSession;
  /** Records what outlives the process. Undefined for a session that ends with its connection. */
  readonly journal: ClientJournal | undefined;
  /** What waits in the store only. Undefined if the session is not stored, or if the store cannot be read. */
  private readonly backlog: Backlog | undefined;
  /** Undefined until the first subscription: an empty set takes 200 bytes. */
  private filters: Set<string> | undefined;
  /** How many of them are shared. */
  private sharedFilters = 0;
  /** Decides about deliveries, if the application has a hook for them. */
  gate: DeliveryGate | undefined;
  origin: ConnectionOrigin = UNKNOWN;
  private shownAs: BrokerClient | undefined;
  /** Whether its session has ended. */
  hasEnded = false;
  /** Seconds that the session is kept after its connection has ended. */
  expiry = 0;
  /** Who the client is, as `authenticate` or its authentication method answered. */
  identity: string | undefined;
  /** The version of its last connection. */
  version: ProtocolVersion = 5;
  private expiryTimer: Timer | undefined;
  private delayedWill: { readonly will: Will; readonly timer: Timer; readonly publish: () => void } | undefined;
  /** The bytes that are counted for the session, without its subscriptions and messages. */
  private counted = 0;
  /** The part of them that belongs to topic aliases, and to the will. */
  private aliasSize = 0;
  private willSize = 0;
  private will: Will | undefined;
  /** Its network connection, if it has one. */
  connection: ClientConnection | undefined;

  constructor(
    readonly clientId: string,
    private readonly options: SessionSettings,
    private readonly maximumExpiry: number,
    private readonly owner: ClientOwner,
    private readonly budget: MemoryBudget,
    private readonly clock: Clock,
    /** Set if the session is stored. */
    journal?: BrokerJournal,
  ) {
    this.journal = journal && new ClientJournal(journal, clock, this);
    if (this.journal !== undefined && journal?.canRead)
      this.backlog = new Backlog(options, this.journal, budget, clock, this);
    this.session = new ServerSession(options, this, this.journal);
    this.count();
  }

  /** The topic filters of its subscriptions. */
  get topicFilters(): ReadonlySet<string> {
    return this.filters ?? NONE;
  }

  subscribed(subscription: Omit<ClientSubscription<unknown>, "client">): void {
    this.restored(subscription.topicFilter);
    this.journal?.subscribed(subscription);
  }

  /** A subscription of an earlier process. */
  restored(topicFilter: string): void {
    this.filters ??= new Set();
    if (isShared(topicFilter) && !this.filters.has(topicFilter)) this.sharedFilters++;
    this.filters.add(topicFilter);
  }

  unsubscribed(topicFilter: string): void {
    if (this.filters?.delete(topicFilter) && isShared(topicFilter)) this.sharedFilters--;
    this.journal?.unsubscribed(topicFilter);
  }

  get username(): string | undefined {
    return this.origin.username;
  }

  get pendingWill(): Will | undefined {
    return this.will ?? this.delayedWill?.will;
  }

  /** What is written to its connection from now on waits until what the journal has collected is durable. */
  awaitStore(): void {
    this.connection?.awaitStore();
  }

  get isOnline(): boolean {
    return this.connection !== undefined && !this.connection.hasHungUp;
  }

  /** Whether a message for this client would have to wait. */
  get isBacklogged(): boolean {
    return this.session.isBacklogged || this.gate?.isBusy === true || this.hasBacklog;
  }

  /** Calls `then` once, as soon as a message need not wait, or when the connection is lost. */
  whenRoom(then: () => void): void {
    if (this.gate?.isBusy) this.gate.whenIdle(then);
    else if (this.backlog !== undefined && this.hasBacklog && this.isOnline) this.backlog.whenEmpty(then);
    else this.session.whenRoom(then);
  }

  private get hasBacklog(): boolean {
    return this.backlog !== undefined && this.backlog.pending > 0;
  }

  /** The queues with messages that may expire. */
  get queues(): readonly ExpiringQueue[] {
    return this.backlog === undefined ? [this.session] : [this.session, this.backlog];
  }

  /** The client, as the application sees it. */
  get handle(): BrokerClient {
    this.shownAs ??= new SessionHandle(this);
    return this.shownAs;
  }

  get queued(): BrokerClient["queued"] {
    const { session, gate, backlog } = this;
    return {
      count: session.pending + (gate?.count ?? 0) + (backlog?.pending ?? 0),
      bytes: session.queuedBytes + (gate?.size ?? 0) + (backlog?.bytes ?? 0),
    };
  }

  /** Whether the session continues when its connection, if it has one, ends. */
  get outlivesConnection(): boolean {
    return this.connection === undefined || this.expiry > 0;
  }

  /** Called when a connection was accepted as this client. */
  connected(connection: ClientConnection, packet: ConnectPacket, expiry: number, identity: string | undefined): void {
    this.connection = connection;
    this.identity = identity;
    this.version = packet.protocolVersion;
    this.will = packet.will && { ...packet.will, payload: ownBytes(packet.will.payload) };
    this.expiry = expiry;
    const { address, listener, connectedAt } = connection.origin;
    this.origin = { username: packet.username, address, listener, connectedAt };
    this.cancelTimers();
    this.willSize = willSize(this.will);
    this.count();
    this.journal?.connected();
  }

  /** Called when messages can be written to its connection. */
  admitted(): void {
    this.backlog?.fetchSoon();
  }

  /**
   * Continues a session that an earlier process left, without its subscriptions and its will. The client is not
   * connected.
   */
  restore(loaded: LoadedSession): void {
    const { version, identity, username, expiry } = loaded.record;
    this.version = version;
    this.identity = identity;
    this.expiry = expiry;
    this.origin = { ...UNKNOWN, username };
    this.journal?.restore(loaded);
    const messages = this.hold(loaded.deliveries);
    const [received, reserved] = (["received", "reserved"] as const).map((kind) =>
      loaded.identifiers.filter(({ record }) => record.kind === kind).map(({ record }) => record.packetIdentifier),
    );
    this.session.restore(messages, received ?? [], reserved ?? []);
    this.backlog?.restore(loaded.stored);
    this.count();
  }

  take(deliveries: readonly LoadedDelivery[]): void {
    this.session.continueWith(this.hold(deliveries), this.clock.now());
  }

  backlogExpires(until: number): void {
    if (this.backlog !== undefined) this.owner.waits(this.backlog, until);
  }

  refused(topic: string, reason: string): void {
    this.owner.dropped(this, topic, reason);
  }

  lost(reason: string): void {
    this.owner.unreadable(reason);
  }

  backlogFailed(error: unknown): void {
    this.owner.readingFailed(error);
    this.end(ReasonCode.UNSPECIFIED_ERROR, "the store cannot be read");
  }

  /** Counts the memory of messages that were read. */
  private hold(deliveries: readonly LoadedDelivery[]): DeliveredMessage[] {
    return deliveries.map((each) => {
      const message = restoredMessage(each, this);
      this.budget.hold(each.message, this, message.qos);
      if (message.state === "queued" && message.expiresAt < Infinity) this.owner.waits(this.session, message.expiresAt);
      return message;
    });
  }

  /** The broker is closed. */
  closed(): void {
    this.cancelTimers();
    this.backlog?.close();
  }

  get hasSharedSubscriptions(): boolean {
    return this.sharedFilters > 0;
  }

  /** Cancels the timers: the client is back, or the broker is closed. */
  cancelTimers(): void {
    this.expiryTimer?.cancel();
    this.delayedWill?.timer.cancel();
    this.delayedWill = undefined;
  }

  /** Calls `publish` after this many seconds, unless the client reconnects before [MQTT5-3.1.3-9]. */
  delayWill(clock: Clock, seconds: number, will: Will, publish: () => void): void {
    this.delayedWill = { will, timer: clock.schedule(seconds * 1000, () => this.publishDelayedWill()), publish };
    this.willSize = willSize(will);
  }

  /** Calls `ended` after this many seconds, when the session has expired, unless the client reconnects before. */
  endLater(clock: Clock, seconds: number, ended: () => void): void {
    this.expiryTimer = clock.schedule(seconds * 1000, ended);
  }

  /**
   * Called when the session has ended: publishes a delayed will [MQTT5-3.1.3-9]. Before that, `transfer` receives the
   * messages for other members of shared subscriptions, in order.
   */
  sessionEnded(transfer: (shared: SharedMessage) => void): void {
    this.expiryTimer?.cancel();
    this.hasEnded = true;
    this.budget.take(-this.counted);
    this.counted = 0;
    for (const message of this.session.end()) {
      if (!(message instanceof DeliveredMessage)) continue;
      message.release();
      if (message.isTransferable) transfer(message.shared as SharedMessage);
      this.journal?.remove(message); // after the transfer, so that the record of the message stays
    }
    this.backlog?.end();
    for (const { message, recipient } of this.gate?.end() ?? []) {
      const { qos, sharedFilters } = recipient;
      if (qos > 0 && sharedFilters !== undefined) transfer({ message, sharedFilters });
    }
    this.journal?.ended();
    this.publishDelayedWill();
  }

  /** Publishes the will now, and a delayed one, because the broker closes. Neither is published again. */
  publishWills(publish: (will: Will) => void): void {
    const { will } = this;
    this.will = undefined;
    if (will !== undefined) publish(will);
    this.publishDelayedWill();
  }

  /** Ends the connection, if there is one; on MQTT 5, sends the reason. */
  end(reasonCode: number, reason: string, properties?: DisconnectProperties): void {
    this.connection?.close(reasonCode, reason, properties);
  }

  connectionEnded(connection: ClientConnection, reason: string): void {
    if (connection !== this.connection) return;
    this.connection = undefined;
    const { will } = this;
    this.will = undefined;
    this.session.connectionLost();
    this.gate?.disconnected();
    this.backlog?.disconnected();
    this.aliasSize = 0;
    this.owner.disconnected(this, will, reason);
    if (this.delayedWill === undefined) this.willSize = 0;
    this.count();
    if (!this.hasEnded) this.journal?.disconnected();
  }

  /**
   * Acknowledges a message of the client, or refuses it.
   *
   * @param properties sent with a refusal
   */
  finished(delivery: Delivery, reasonCode: number, properties?: AckProperties): void {
    this.awaitStore();
    this.session.finished(delivery, reasonCode, properties);
  }

  /**
   * Sends a message, or queues it. QoS 0 messages are not queued for a client that is not connected. Returns false if
   * the queue is full.
   */
  deliver(message: PublishedMessage, recipient: Recipient, now: number): boolean {
    return this.gate === undefined ? this.put(message, recipient, now) : this.gate.deliver(message, recipient, now);
  }

  /** The same, after the application has allowed it. */
  put(message: PublishedMessage, recipient: Recipient, now: number): boolean {
    if (!this.isOnline && recipient.qos === 0) return true;
    if (this.budget.isFull && !this.mayExceed(recipient.qos)) {
      this.owner.dropped(this, message.topic, `the limit maximumMemory ${this.budget.limit} is reached`);
      return false;
    }
    if (recipient.qos > 0 && this.journal?.isFailing) {
      this.owner.dropped(this, message.topic, "the store cannot be written");
      return false;
    }
    if (this.backlog?.needs(recipient)) return this.backlog.put(message, recipient);
    if (recipient.qos > 0 || this.session.isBacklogged) forKeeping(message);
    const { topic, payload, expiresAt } = message;
    const { qos, retain, subscriptionIdentifiers, sharedFilters } = recipient;
    const properties =
      subscriptionIdentifiers.length === 0 ? message.properties : { ...message.properties, subscriptionIdentifiers };
    const shared = sharedFilters === undefined ? undefined : { message, sharedFilters };
    const delivered = new DeliveredMessage(topic, payload, qos, retain, properties, expiresAt, this, shared);
    if (this.gate !== undefined || this.journal !== undefined) delivered.source = message;
    // If it is undone for other clients, its publisher sends it again: a client without a stored session, too, must not
    // receive it twice.
    if (qos === 2) this.awaitStore();
    this.session.deliver(delivered, now);
    if (expiresAt < Infinity && delivered.state === "queued") this.owner.waits(this.session, expiresAt);
    if (delivered.state === "queued" || (qos > 0 && delivered.state !== "settled")) {
      delivered.held = message;
      this.budget.hold(message, this, qos);
    }
    return !delivered.foundNoRoom;
  }

  released({ qos }: DeliveredMessage, held: PublishedMessage): void {
    this.budget.release(held, this, qos);
  }

  delivered({ payload }: DeliveredMessage): void {
    this.owner.delivered(payload);
  }

  dropQos0(): void {
    this.session.dropQos0();
  }

  consent(message: DeliveredMessage): boolean | undefined {
    if (this.gate === undefined) return true;
    const consent = this.gate.consent(message);
    return this.isOnline ? consent : undefined; // the hook may have ended the connection
  }

  hasRoomFor(count: number, bytes: number): boolean {
    if (count > 1 && this.budget.isFull) return false;
    const { outbox } = this.options;
    const waiting = this.session.pending + (this.backlog?.pending ?? 0);
    const isFirst = count === 1 && waiting === 0; // one message of any size fits
    if (waiting + count > outbox.maximumCount) return false;
    return isFirst || this.session.queuedBytes + (this.backlog?.bytes ?? 0) + bytes <= outbox.maximumBytes;
  }

  waits(message: PublishedMessage, recipient: Recipient, undone: () => void): number {
    this.budget.hold(message, this, UNDROPPABLE);
    return this.journal?.waits(message, recipient, undone) ?? 0;
  }

  waitsNoLonger(message: PublishedMessage, record: number): void {
    this.budget.release(message, this, UNDROPPABLE);
    this.journal?.waitsNoLonger(message.record, record);
  }

  overflowed(topic: string): void {
    this.owner.dropped(this, topic, `"${topic}": the outbox has no room for messages that wait for authorizeDeliver`);
  }

  denied(message: PublishedMessage, sharedFilters: readonly string[] | undefined): void {
    this.owner.denied(this, message, sharedFilters);
  }

  pump(now: number): void {
    this.session.drained(now);
  }

  discard(): void {
    this.owner.discard(this);
  }

  unsubscribeUnrecorded(topicFilter: string): void {
    this.owner.unsubscribeUnrecorded(this, topicFilter);
  }

  unrecorded(message: OutgoingMessage, error: MqttError): void {
    if (!this.hasEnded) this.session.unrecorded(message, error);
  }

  forget(packetIdentifier: number): void {
    this.session.forget(packetIdentifier);
    this.journal?.close(packetIdentifier);
  }

  /**
   * Refuses a message of the client because the store cannot be written. Before MQTT 5, the client's connection ends: an
   * acknowledgement would mean that the message was accepted. The client sends it again.
   */
  refuseUnstored(delivery: Delivery, reason: string): void {
    if (this.version === 5) {
      this.session.finished(delivery, ReasonCode.QUOTA_EXCEEDED, { reasonString: reason });
      return;
    }
    this.end(ReasonCode.QUOTA_EXCEEDED, reason);
    if (delivery.qos === 2) this.forget(delivery.packetIdentifier);
  }

  /** Called when a message could not be delivered. */
  undelivered(message: DeliveredMessage, error: MqttError): void {
    if (BOUNDS.has(error.code)) this.owner.dropped(this, message.topic, error.message);
  }

  published(packet: PublishPacket, delivery: Delivery | undefined): void {
    if (this.session.topicAliasSize !== this.aliasSize) this.countAliases();
    this.owner.published(this, packet, delivery);
  }

  subscribe(packet: SubscribePacket): void {
    this.owner.subscribe(this, packet);
  }

  unsubscribe(packet: UnsubscribePacket): void {
    this.owner.unsubscribe(this, packet);
  }

  unsendable(type: Packet["type"], size: number): void {
    const reason = `${type.toUpperCase()} has ${size} bytes, more than the client's maximumPacketSize`;
    this.end(ReasonCode.PACKET_TOO_LARGE, reason);
  }

  roomAgain(): void {
    this.connection?.resume();
  }

  disconnect(packet: DisconnectPacket): void {
    const expiry = packet.properties?.sessionExpiryInterval;
    if (expiry !== undefined) {
      if (this.expiry === 0 && expiry > 0) {
        throw new ProtocolError(
          "PROTOCOL_ERROR",
          ReasonCode.PROTOCOL_ERROR,
          `disconnect: sessionExpiryInterval ${expiry} is not allowed after 0 in CONNECT [MQTT5-3.14.2.2.2]`,
        );
      }
      this.expiry = Math.min(expiry, this.maximumExpiry);
    }
    if (packet.reasonCode === 0) this.will = undefined; // with any other reason, the will is published [MQTT5-3.1.2-10]
    this.connection?.leave();
  }

  /** Whether a message may be delivered although the broker's memory is full: one at a time, so that each goes on. */
  private mayExceed(qos: QoS): boolean {
    return qos === 0 ? !this.session.isBacklogged : this.session.pending === 0 && !this.hasBacklog;
  }

  /** Counts the memory of the session again. */
  private count(): void {
    if (this.hasEnded) return;
    const bytes =
      SESSION_SIZE + this.clientId.length + (this.origin.username?.length ?? 0) + this.willSize + this.aliasSize;
    this.budget.take(bytes - this.counted);
    this.counted = bytes;
  }

  /** @throws ProtocolError if there is no memory for the topics of the client's topic aliases */
  private countAliases(): void {
    const former = this.aliasSize;
    this.aliasSize = this.session.topicAliasSize;
    this.count();
    if (this.aliasSize <= Math.max(former, SESSION_SIZE) || !this.budget.isFull) return;
    const reason = `publish: no memory for a topic alias: the limit maximumMemory ${this.budget.limit} is reached`;
    throw new ProtocolError("PROTOCOL_ERROR", ReasonCode.QUOTA_EXCEEDED, reason);
  }

  private publishDelayedWill(): void {
    const will = this.delayedWill;
    this.delayedWill = undefined;
    if (will !== undefined) {
      this.willSize = 0;
      this.count();
      if (!this.hasEnded) this.journal?.changed();
    }
    will?.timer.cancel();
    will?.publish();
  }
}

function isShared(topicFilter: string): boolean {
  return topicFilter.startsWith("$share/");
}
