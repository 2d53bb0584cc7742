/**
 * What an earlier process left in the store: its records, with their references resolved. Reads records only; the hub
 * makes clients of them. A record that cannot be read, or that refers to a record that is missing, is rejected; all
 * others are used.
 */

import type { StoreRecord } from "@aiko/mqtt";
import type { PublishedMessage } from "../messages/published-message.js";
import { PROBE, SET_ASIDE } from "./broker-journal.js";
import type {
  BrokerRecord,
  DeliveryRecord,
  IdentifierRecord,
  SessionRecord,
  SubscriptionRecord,
} from "./broker-record.js";
import { RecordDecoder } from "./record-reading.js";

/** A record, and its key in the store. */
interface Keyed<Kind> {
  readonly key: number;
  readonly record: Kind;
}

/** A message for a session. */
export interface LoadedDelivery extends Keyed<DeliveryRecord> {
  readonly message: PublishedMessage;
}

/** A session, with everything that belongs to it in the order in which it was recorded. */
export interface LoadedSession extends Keyed<SessionRecord> {
  /** By topic filter. */
  readonly subscriptions: Map<string, Keyed<SubscriptionRecord>>;
  readonly deliveries: LoadedDelivery[];
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

/** @param now limits when messages expire, in case the system's clock was set back */
export function loadState(records: readonly StoreRecord[], now: number): LoadedState {
  return new Loading(now).load(records);
}

class Loading {
  private readonly messages = new Map<number, PublishedMessage>();
  private readonly sessions = new Map<number, LoadedSession>();
  private readonly clientIds = new Set<string>();
  private readonly retained = new Map<string, LoadedRetained>();
  private readonly packetIdentifiers = new Map<LoadedSession, Set<number>>();
  private readonly rejected: RejectedRecord[] = [];
  private readonly superfluous: number[] = [];
  private lastKey = 0;
  private nextAside = SET_ASIDE;

  constructor(private readonly now: number) {}

  load(records: readonly StoreRecord[]): LoadedState {
    const decoder = new RecordDecoder();
    /** Records that refer to others, and their numbers in `records`. No object for each: there may be millions. */
    const referring: BrokerRecord[] = [];
    const places: number[] = [];
    for (const [i, { key, value }] of records.entries()) {
      if (key >= SET_ASIDE) {
        this.nextAside = key + 1;
        continue;
      }
      if (key === PROBE) {
        this.superfluous.push(key);
        continue;
      }
      this.lastKey = Math.max(this.lastKey, key);
      try {
        const record = decoder.read(value);
        if (this.take(key, record)) continue;
        referring.push(record);
        places.push(i);
      } catch (error) {
        this.reject({ key, value }, error);
      }
    }
    for (const [i, record] of referring.entries()) {
      const stored = records[places[i] as number] as StoreRecord;
      try {
        this.refer(stored.key, record);
      } catch (error) {
        this.reject(stored, error);
      }
    }
    for (const [key, { record }] of this.messages) if (record?.references === 0) this.superfluous.push(key);
    return {
      sessions: [...this.sessions.values()],
      retained: [...this.retained.values()],
      rejected: this.rejected,
      superfluous: this.superfluous,
      lastKey: this.lastKey,
      nextAside: this.nextAside,
    };
  }

  private reject(stored: StoreRecord, error: unknown): void {
    this.rejected.push({ ...stored, why: error instanceof Error ? error.message : String(error) });
  }

  /** Returns false if the record refers to another one. */
  private take(key: number, record: BrokerRecord): boolean {
    if (record.kind === "message") {
      const { topic, payload, qos, retain, properties, publisher, publisherIdentity } = record;
      const interval = properties?.messageExpiryInterval;
      const latest = interval === undefined ? Infinity : this.now + interval * 1000;
      const expiresAt = Math.min(record.expiresAt, latest);
      const references = { key, references: 0 };
      // Without a spread, which takes 300 bytes more.
      const message = {
        topic,
        payload,
        qos,
        retain,
        properties,
        expiresAt,
        publisher,
        publisherIdentity,
        holders: 0,
        record: references,
      };
      this.messages.set(key, message);
      return true;
    }
    if (record.kind !== "session") return false;
    if (this.clientIds.has(record.clientId)) throw new Error("its client identifier has another session");
    this.clientIds.add(record.clientId);
    this.sessions.set(key, { key, record, subscriptions: new Map(), deliveries: [], identifiers: [] });
    return true;
  }

  private refer(key: number, record: BrokerRecord): void {
    switch (record.kind) {
      case "subscription": {
        const { subscriptions } = this.sessionOf(record);
        if (subscriptions.has(record.topicFilter)) throw new Error("its topic filter has another subscription");
        subscriptions.set(record.topicFilter, { key, record });
        break;
      }
      case "delivery": {
        const session = this.sessionOf(record);
        const message = this.messageOf(record);
        if (record.qos > message.qos) throw new Error("its QoS is above that of the message");
        if (record.packetIdentifier > 0) this.claim(session, record.packetIdentifier);
        refer(message);
        session.deliveries.push({ key, record, message });
        break;
      }
      case "reserved": {
        const session = this.sessionOf(record);
        this.claim(session, record.packetIdentifier);
        session.identifiers.push({ key, record });
        break;
      }
      case "received": {
        const { identifiers } = this.sessionOf(record);
        identifiers.push({ key, record });
        break;
      }
      case "retained": {
        const message = this.messageOf(record);
        const former = this.retained.get(message.topic);
        if (former !== undefined) throw new Error("its topic has another retained message");
        refer(message);
        this.retained.set(message.topic, { key, message });
        break;
      }
      default:
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

  private sessionOf({ session }: { readonly session: number }): LoadedSession {
    const found = this.sessions.get(session);
    if (found === undefined) throw new Error(`its session ${session} is missing`);
    return found;
  }

  private messageOf({ message }: { readonly message: number }): PublishedMessage {
    const found = this.messages.get(message);
    if (found === undefined) throw new Error(`its message ${message} is missing`);
    return found;
  }
}

function refer({ record }: PublishedMessage): void {
  if (record !== undefined) record.references++;
}
