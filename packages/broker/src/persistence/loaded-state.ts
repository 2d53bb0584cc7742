/**
 * What an earlier process left in the store: its records, with their references resolved. Reads records only; the hub
 * makes clients of them. A record that cannot be read, or that refers to a record that is missing, is rejected; all
 * others are used. Messages that may stay in the store are not loaded.
 */

import type { StoreRecord } from "@aiko/mqtt";
import type { PublishedMessage, StoredMessage } from "../messages/published-message.js";
import { PROBE, SET_ASIDE } from "./broker-journal.js";
import type {
  BrokerRecord,
  DeliveryRecord,
  IdentifierRecord,
  SessionRecord,
  SubscriptionRecord,
} from "./broker-record.js";
import { messageOf } from "./loaded-message.js";
import { RecordDecoder, readExpiry } from "./record-reading.js";

/** A record, and its key in the store. */
interface Keyed<Kind> {
  readonly key: number;
  readonly record: Kind;
}

/** A message for a session. */
export interface LoadedDelivery extends Keyed<DeliveryRecord> {
  readonly message: PublishedMessage;
}

/** A message for a session that stays in the store. `key` is that of the delivery. */
export interface StoredDelivery {
  readonly key: number;
  readonly message: StoredMessage;
}

/** A session, with everything that belongs to it in the order in which it was recorded. */
export interface LoadedSession extends Keyed<SessionRecord> {
  /** By topic filter. */
  readonly subscriptions: Map<string, Keyed<SubscriptionRecord>>;
  readonly deliveries: LoadedDelivery[];
  /** They follow the others. */
  readonly stored: StoredDelivery[];
  readonly identifiers: Keyed<IdentifierRecord>[];
}

/** A retained message. */
export interface LoadedRetained {
  readonly key: number;
  readonly message: PublishedMessage;
}

/** A record that is not used. */
interface RejectedRecord extends StoreRecord {
  /** The reason, in words. */
  readonly why: string;
}

export interface LoadedState {
  readonly sessions: readonly LoadedSession[];
  readonly retained: readonly LoadedRetained[];
  readonly rejected: readonly RejectedRecord[];
  /** The keys of records that are not needed. */
  readonly superfluous: readonly number[];
  /** The highest key that is in use, and the first one that is free for rejected records. */
  readonly lastKey: number;
  readonly nextAside: number;
}

/** Resolves to the values of records; undefined for one that does not exist, or was damaged. */
export type ReadRecords = (keys: readonly number[]) => Promise<readonly (Uint8Array | undefined)[]>;

/** A message whose content is needed, and what is made of it. */
interface Needed {
  /** Of the record that refers to it. */
  readonly key: number;
  readonly stored: StoredMessage;
  use(message: PublishedMessage): void;
}

/** How many messages are read at once. */
const SLICE = 1_000;

/** Receives the records one by one, in any order. Call `finish` after the last. */
export class Loading {
  private readonly decoder = new RecordDecoder();
  private readonly messages = new Map<number, StoredMessage>();
  /** Those whose content is needed; an Error for one that is not readable. */
  private readonly loaded = new Map<number, PublishedMessage | Error>();
  private readonly sessions = new Map<number, LoadedSession>();
  private readonly clientIds = new Set<string>();
  private readonly retained = new Map<string, LoadedRetained>();
  private readonly packetIdentifiers = new Map<LoadedSession, Set<number>>();
  private readonly rejected: RejectedRecord[] = [];
  private readonly superfluous: number[] = [];
  private lastKey = 0;
  private nextAside = SET_ASIDE;
  /** Deliveries that stay in the store: three numbers each, the keys of delivery, session and message. */
  private readonly queued: number[] = [];
  /** Other records that refer to records. */
  private readonly referring: Keyed<BrokerRecord>[] = [];
  private readonly needed: Needed[] = [];
  /** Sessions with shared subscriptions or messages. */
  private readonly sharing = new Set<LoadedSession>();
  private readonly failed: { readonly key: number; readonly error: unknown }[] = [];

  /** @param now limits when messages expire, in case the system's clock was set back */
  constructor(private readonly now: number) {}

  /**
   * @param value may be changed afterwards
   * @param mayStay whether a message that waits for a client may stay in the store
   */
  take(key: number, value: Uint8Array, mayStay: boolean): void {
    if (key >= SET_ASIDE) {
      this.nextAside = Math.max(this.nextAside, key + 1);
      return;
    }
    if (key === PROBE) {
      this.superfluous.push(key);
      return;
    }
    this.lastKey = Math.max(this.lastKey, key);
    try {
      const expiresAt = readExpiry(value);
      if (expiresAt !== undefined) this.messages.set(key, { key, size: value.length, expiresAt, references: 0 });
      else this.sort(key, this.decoder.read(value.slice()), mayStay);
    } catch (error) {
      this.reject(key, value.slice(), error);
    }
  }

  /** Resolves to what was taken. @throws what `read` throws */
  async finish(read: ReadRecords): Promise<LoadedState> {
    const { sessions, messages, needed, failed } = this;
    this.referring.sort((a, b) => a.key - b.key);
    for (const { key, record } of this.referring) this.attempt(key, () => this.refer(key, record));
    for (const slice of slices(this.resolveQueued())) {
      const values = await read(slice);
      for (const [i, key] of slice.entries()) this.attempt(key, () => this.referTo(key, values[i]));
    }
    for (const slice of slices(needed)) await this.load(slice, read);
    for (const { deliveries } of sessions.values()) deliveries.sort((a, b) => a.key - b.key);
    for (const slice of slices(failed)) {
      const values = await read(slice.map(({ key }) => key));
      for (const [i, { key, error }] of slice.entries()) this.reject(key, values[i], error);
    }
    for (const { key, references } of messages.values()) if (references === 0) this.superfluous.push(key);
    return {
      sessions: [...sessions.values()],
      retained: [...this.retained.values()],
      rejected: this.rejected,
      superfluous: this.superfluous,
      lastKey: this.lastKey,
      nextAside: this.nextAside,
    };
  }

  private reject(key: number, value: Uint8Array | undefined, error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    this.rejected.push({ key, value: value ?? new Uint8Array(0), why });
  }

  /** Rejects the record if it fails. */
  private attempt(key: number, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.failed.push({ key, error });
    }
  }

  private sort(key: number, record: BrokerRecord, mayStay: boolean): void {
    if (record.kind === "session") {
      if (this.clientIds.has(record.clientId)) throw new Error("its client identifier has another session");
      this.clientIds.add(record.clientId);
      this.sessions.set(key, { key, record, subscriptions: new Map(), deliveries: [], stored: [], identifiers: [] });
    } else if (mayStay && record.kind === "delivery" && waitsAlone(record)) {
      this.queued.push(key, record.session, record.message);
    } else {
      this.referring.push({ key, record });
    }
  }

  private refer(key: number, record: BrokerRecord): void {
    switch (record.kind) {
      case "subscription": {
        const session = this.sessionOf(record.session);
        const { subscriptions } = session;
        if (record.topicFilter.startsWith("$share/")) this.sharing.add(session);
        if (subscriptions.has(record.topicFilter)) throw new Error("its topic filter has another subscription");
        subscriptions.set(record.topicFilter, { key, record });
        break;
      }
      case "delivery": {
        const session = this.sessionOf(record.session);
        const stored = this.messageOf(record.message);
        if (record.packetIdentifier > 0) this.claim(session, record.packetIdentifier);
        if (record.sharedFilters.length > 0) this.sharing.add(session);
        this.need(key, stored, (message) => {
          if (record.qos > message.qos) throw new Error("its QoS is above that of the message");
          session.deliveries.push({ key, record, message });
        });
        break;
      }
      case "reserved": {
        const session = this.sessionOf(record.session);
        this.claim(session, record.packetIdentifier);
        session.identifiers.push({ key, record });
        break;
      }
      case "received": {
        const { identifiers } = this.sessionOf(record.session);
        identifiers.push({ key, record });
        break;
      }
      case "retained": {
        this.need(key, this.messageOf(record.message), (message) => {
          if (this.retained.has(message.topic)) throw new Error("its topic has another retained message");
          this.retained.set(message.topic, { key, message });
        });
        break;
      }
      default:
    }
  }

  /**
   * Resolves the references of the deliveries that stay in the store. Their order is that of their keys. Returns the keys of
   * those that cannot stay: they must keep the order with shared messages.
   */
  private resolveQueued(): number[] {
    const { queued } = this;
    const others: number[] = [];
    for (let at = 0; at < queued.length; at += 3) {
      const [key, session, message] = queued.slice(at, at + 3) as [number, number, number];
      this.attempt(key, () => {
        const owner = this.sessionOf(session);
        if (this.sharing.has(owner)) {
          others.push(key);
          return;
        }
        const { stored } = owner;
        const referred = this.messageOf(message);
        referred.references++;
        stored.push({ key, message: referred });
      });
    }
    queued.length = 0;
    for (const { stored } of this.sessions.values()) stored.sort((a, b) => a.key - b.key);
    return others;
  }

  private referTo(key: number, value: Uint8Array | undefined): void {
    if (value === undefined) throw new Error("it is damaged");
    this.refer(key, this.decoder.delivery(value));
  }

  private need(key: number, stored: StoredMessage, use: (message: PublishedMessage) => void): void {
    stored.references++;
    this.needed.push({ key, stored, use });
  }

  /** Reads messages. All that refer to one message share it. */
  private async load(slice: readonly Needed[], read: ReadRecords): Promise<void> {
    const missing = new Set(slice.map(({ stored }) => stored).filter(({ key }) => !this.loaded.has(key)));
    const values = await read([...missing].map(({ key }) => key));
    for (const [i, stored] of [...missing].entries()) this.loaded.set(stored.key, this.decode(stored, values[i]));
    for (const { key, stored, use } of slice) {
      this.attempt(key, () => {
        const message = this.loaded.get(stored.key);
        try {
          if (message instanceof Error || message === undefined) throw message;
          use(message);
        } catch (error) {
          stored.references--;
          throw error;
        }
      });
    }
  }

  /** Returns the message, or the error of one that is not readable, which is rejected. */
  private decode(stored: StoredMessage, value: Uint8Array | undefined): PublishedMessage | Error {
    const { key } = stored;
    try {
      if (value === undefined) throw new Error(`its message ${key} is damaged`);
      return messageOf(this.decoder.message(value), stored, this.now);
    } catch (error) {
      this.messages.delete(key);
      if (value !== undefined) this.reject(key, value, error);
      return new Error(`its message ${key} is not readable`);
    }
  }

  /** Notes that a message for the client has the packet identifier. */
  private claim(session: LoadedSession, packetIdentifier: number): void {
    let claimed = this.packetIdentifiers.get(session);
    if (claimed === undefined) {
      claimed = new Set();
      this.packetIdentifiers.set(session, claimed);
    }
    if (claimed.has(packetIdentifier))
      throw new Error(`packet identifier ${packetIdentifier} belongs to another message`);
    claimed.add(packetIdentifier);
  }

  private sessionOf(key: number): LoadedSession {
    const found = this.sessions.get(key);
    if (found === undefined) throw new Error(`its session ${key} is missing`);
    return found;
  }

  private messageOf(key: number): StoredMessage {
    const found = this.messages.get(key);
    if (found === undefined) throw new Error(`its message ${key} is missing`);
    return found;
  }
}

/** Whether the message was not sent, and belongs to this client only. */
function waitsAlone({ state, sharedFilters }: DeliveryRecord): boolean {
  return state === "queued" && sharedFilters.length === 0;
}

function* slices<Item>(items: readonly Item[]): Iterable<readonly Item[]> {
  for (let from = 0; from < items.length; from += SLICE) yield items.slice(from, from + SLICE);
}
