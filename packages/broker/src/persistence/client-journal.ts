/**
 * What the journal records of one client's session: the session itself, its subscriptions, the messages for it, and
 * packet identifiers. Exists only for sessions that outlive their connection. Knows the keys of its records; when they
 * are written is the journal's.
 */

import type { Clock, MqttError } from "@aiko/mqtt";
import type { ProtocolVersion, Will } from "@aiko/mqtt/codec";
import type { MessageJournal, OutgoingMessage, ReceivedMessages } from "@aiko/mqtt/session";
import { DeliveredMessage, type PublishedMessage, type StoredMessage } from "../messages/published-message.js";
import type { ClientSubscription, Recipient } from "../messages/subscription-table.js";
import type { BrokerJournal } from "./broker-journal.js";
import { readDeliveries } from "./delivery-reading.js";
import type { LoadedSession, StoredDelivery } from "./loaded-state.js";
import { writeRecord } from "./record-writing.js";

/** The client, as its journal sees it. */
export interface JournaledClient {
  readonly clientId: string;
  readonly version: ProtocolVersion;
  readonly identity: string | undefined;
  readonly username: string | undefined;
  /** In seconds. */
  readonly expiry: number;
  /** The will of its connection, or its delayed will. */
  readonly pendingWill: Will | undefined;
  /** What is written to its connection from now on depends on what is recorded now. */
  awaitStore(): void;
  /** Its session was not written. */
  discard(): void;
  /** A subscription was not written. */
  unsubscribeUnrecorded(topicFilter: string): void;
  /** A message for the client was not written. */
  unrecorded(message: OutgoingMessage, error: MqttError): void;
  /** The received QoS 2 message with this packet identifier was not written. */
  forget(packetIdentifier: number): void;
}

type Subscription = Omit<ClientSubscription<unknown>, "client">;

export class ClientJournal implements MessageJournal, ReceivedMessages {
  private key = 0;
  private endedAt = Infinity;
  private readonly subscriptions = new Map<string, number>();
  /** The keys by packet identifier. Created with the first one. */
  private received: Map<number, number> | undefined;
  private reserved: number[] | undefined;

  constructor(
    private readonly journal: BrokerJournal,
    private readonly clock: Clock,
    private readonly client: JournaledClient,
  ) {}

  get incoming(): ReceivedMessages {
    return this;
  }

  /** Whether new messages and subscriptions can be recorded. */
  get isFailing(): boolean {
    return this.journal.isFailing;
  }

  /** The client has a connection now. */
  connected(): void {
    this.endedAt = Infinity;
    this.changed();
    this.client.awaitStore();
  }

  /** Its connection has ended. */
  disconnected(): void {
    this.endedAt = this.clock.now();
    this.changed();
  }

  /** Fields of the session have changed. */
  changed(): void {
    const { clientId, version, identity, username, expiry, pendingWill: will } = this.client;
    const { endedAt } = this;
    const value = writeRecord({ kind: "session", clientId, version, identity, username, expiry, endedAt, will });
    if (this.key === 0) this.key = this.journal.add(value, () => this.client.discard());
    else this.journal.set(this.key, value);
  }

  /** Continues with the records of an earlier process. */
  restore({ key, record, subscriptions, identifiers }: LoadedSession): void {
    this.key = key;
    this.endedAt = record.endedAt;
    for (const [topicFilter, each] of subscriptions) this.subscriptions.set(topicFilter, each.key);
    for (const { key, record } of identifiers) {
      if (record.kind === "reserved") {
        this.reserved ??= [];
        this.reserved.push(key);
      } else {
        this.received ??= new Map();
        this.received.set(record.packetIdentifier, key);
      }
    }
  }

  /** The session has ended; the messages for it, and its subscriptions, were removed. */
  ended(): void {
    const { journal } = this;
    for (const key of this.received?.values() ?? []) journal.delete(key);
    for (const key of this.reserved ?? []) journal.delete(key);
    this.received = undefined;
    this.reserved = undefined;
    if (this.key !== 0) journal.delete(this.key);
    this.key = 0;
  }

  subscribed({ topicFilter, qos, noLocal, retainAsPublished, subscriptionIdentifier }: Subscription): void {
    const { key: session, journal, subscriptions } = this;
    this.client.awaitStore();
    const options = { topicFilter, qos, noLocal, retainAsPublished, subscriptionIdentifier };
    const value = writeRecord({ kind: "subscription", session, ...options });
    const key = subscriptions.get(topicFilter);
    if (key !== undefined) journal.set(key, value);
    else
      subscriptions.set(
        topicFilter,
        journal.add(value, () => this.client.unsubscribeUnrecorded(topicFilter)),
      );
  }

  unsubscribed(topicFilter: string): void {
    const key = this.subscriptions.get(topicFilter);
    if (key === undefined) return;
    this.subscriptions.delete(topicFilter);
    this.journal.delete(key);
    this.client.awaitStore();
  }

  put(message: OutgoingMessage): void {
    if (!(message instanceof DeliveredMessage) || message.source === undefined) return;
    this.client.awaitStore();
    if (message.sequence === 0) {
      const value = this.deliveryOf(message, this.journal.hold(message.source).key);
      message.sequence = this.journal.add(value, (error) => this.client.unrecorded(message, error));
    } else if (message.source.record !== undefined) {
      this.journal.set(message.sequence, this.deliveryOf(message, message.source.record.key));
    }
  }

  remove(message: OutgoingMessage): void {
    const { sequence: key, packetIdentifier, qos, state, mayHaveArrived } = message;
    if (key === 0 || !(message instanceof DeliveredMessage) || message.source === undefined) return;
    message.sequence = 0;
    // A dropped QoS 2 message: the client may hold its identifier, and take the next message for a repetition.
    if (state === "settled" && qos === 2 && mayHaveArrived && packetIdentifier > 0) {
      this.reserved ??= [];
      this.reserved.push(key);
      this.journal.set(key, writeRecord({ kind: "reserved", session: this.key, packetIdentifier }));
    } else {
      this.journal.delete(key);
    }
    this.journal.release(message.source.record);
  }

  /**
   * Records a message that waits for `authorizeDeliver`, or waits in the store only. Returns the key for `waitsNoLonger`;
   * 0 if nothing was recorded.
   *
   * @param undone called if it could not be written
   */
  waits(message: PublishedMessage, recipient: Recipient, undone: () => void): number {
    const { qos, retain, subscriptionIdentifiers, sharedFilters = [] } = recipient;
    if (qos === 0) return 0;
    const stored = this.journal.hold(message);
    const fields = { session: this.key, message: stored.key, qos, retain };
    const identifiers = { packetIdentifier: 0, subscriptionIdentifiers, sharedFilters };
    const value = writeRecord({ kind: "delivery", state: "queued", ...fields, ...identifiers });
    const key = this.journal.add(value, () => {
      this.waitsNoLonger(stored, key);
      undone();
    });
    return key;
  }

  waitsNoLonger(message: StoredMessage | undefined, key: number): void {
    if (key === 0) return;
    this.journal.delete(key);
    this.journal.release(message);
  }

  /**
   * Resolves to messages that wait in the store.
   *
   * @throws MqttError of the store
   */
  read(deliveries: readonly StoredDelivery[]): ReturnType<typeof readDeliveries> {
    return readDeliveries(this.journal, deliveries, this.clock.now());
  }

  nameOf(): undefined {
    return undefined;
  }

  open(packetIdentifier: number): void {
    this.client.awaitStore();
    this.received ??= new Map();
    if (this.received.has(packetIdentifier)) return;
    const value = writeRecord({ kind: "received", session: this.key, packetIdentifier });
    this.received.set(
      packetIdentifier,
      this.journal.add(value, () => this.client.forget(packetIdentifier)),
    );
  }

  close(packetIdentifier: number): void {
    this.client.awaitStore();
    const key = this.received?.get(packetIdentifier);
    if (key === undefined) return;
    this.received?.delete(packetIdentifier);
    this.journal.delete(key);
  }

  private deliveryOf(delivered: DeliveredMessage, message: number): Uint8Array {
    const { state, qos, retain, packetIdentifier, properties, shared } = delivered;
    return writeRecord({
      kind: "delivery",
      session: this.key,
      message,
      state: state === "released" || state === "sent" ? state : "queued",
      qos: qos as 1 | 2,
      retain,
      packetIdentifier,
      subscriptionIdentifiers: properties?.subscriptionIdentifiers ?? [],
      sharedFilters: shared?.sharedFilters ?? [],
    });
  }
}
