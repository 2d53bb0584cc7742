/**
 * What the directory of a broker contains, for people: sessions with the sizes of their queues, and retained messages. Payloads are not part of it.
 * Reads records only, each for itself, so that damage to one does not hide the others.
 */

import type { QoS, StoreRecord } from "@aiko/mqtt";
import { PROBE, SET_ASIDE } from "../persistence/broker-journal.js";
import type { BrokerRecord, MessageRecord, SessionRecord } from "../persistence/broker-record.js";
import { RecordDecoder } from "../persistence/record-reading.js";

/** What `readStoreContents` returns. Times are in ISO 8601, in UTC. */
export interface StoreContents {
  /** The number of records, and of their bytes. */
  readonly records: number;
  readonly bytes: number;
  /** Records that cannot be read, or refer to missing ones. The broker starts without them, and keeps them aside. */
  readonly unusable: number;
  readonly sessions: readonly StoredClient[];
  readonly retained: readonly StoredRetained[];
}

/** A session. */
export interface StoredClient {
  readonly clientId: string;
  /** The user. Undefined if the client has no identity. */
  readonly identity: string | undefined;
  /** The protocol version of its last connection. */
  readonly version: "3.1" | "3.1.1" | "5.0";
  /** Seconds that the session is kept without a connection; undefined: for ever. */
  readonly expiry: number | undefined;
  /** When its last connection ended. Undefined while it has one, or if the process died during it. */
  readonly endedAt: string | undefined;
  /** The topic of its will. */
  readonly willTopic: string | undefined;
  readonly subscriptions: readonly { readonly topicFilter: string; readonly qos: QoS }[];
  /** The messages that wait for the client. */
  readonly queue: {
    readonly count: number;
    /** The bytes of their topics and payloads, also if other clients wait for the same messages. */
    readonly bytes: number;
    /** How many of them were sent, and not acknowledged. */
    readonly inFlight: number;
  };
}

/** A retained message. */
export interface StoredRetained {
  readonly topic: string;
  readonly qos: QoS;
  /** The bytes of the payload. */
  readonly bytes: number;
  /** Undefined: never. */
  readonly expiresAt: string | undefined;
  /** The client identifier of its publisher. Undefined for the application. */
  readonly publisher: string | undefined;
}

/** What is needed of a message. There may be millions. */
interface Body {
  readonly topic: string;
  readonly bytes: number;
  readonly qos: QoS;
  readonly expiresAt: number;
  readonly publisher: string | undefined;
}

interface Client {
  readonly record: SessionRecord;
  readonly subscriptions: { topicFilter: string; qos: QoS }[];
  readonly queue: { count: number; bytes: number; inFlight: number };
}

/** The expiry of sessions that do not expire. */
const NEVER = 0xffff_ffff;
const versions = { 3: "3.1", 4: "3.1.1", 5: "5.0" } as const;

/** @param records those of a broker, as `DiskStore.read` returns them */
export function storeContents(records: readonly StoreRecord[]): StoreContents {
  return new Counting().count(records);
}

class Counting {
  private readonly messages = new Map<number, Body>();
  private readonly sessions = new Map<number, Client>();
  private readonly retained: Body[] = [];
  private unusable = 0;

  count(records: readonly StoreRecord[]): StoreContents {
    const decoder = new RecordDecoder();
    const referring: BrokerRecord[] = [];
    let bytes = 0;
    for (const { key, value } of records) {
      bytes += value.length;
      if (key >= SET_ASIDE) this.unusable++;
      if (key >= SET_ASIDE || key === PROBE) continue;
      try {
        const record = decoder.read(value);
        if (record.kind === "message") this.messages.set(key, bodyOf(record));
        else if (record.kind === "session") this.sessions.set(key, clientOf(record));
        else referring.push(record);
      } catch {
        this.unusable++;
      }
    }
    for (const record of referring) if (!this.refer(record)) this.unusable++;
    return {
      records: records.length,
      bytes,
      unusable: this.unusable,
      sessions: [...this.sessions.values()].map(storedClient),
      retained: this.retained.map(storedRetained),
    };
  }

  /** Returns whether what it refers to is there. */
  private refer(record: BrokerRecord): boolean {
    if (record.kind === "message" || record.kind === "session") return true;
    if (record.kind === "retained") {
      const message = this.messages.get(record.message);
      if (message !== undefined) this.retained.push(message);
      return message !== undefined;
    }
    const client = this.sessions.get(record.session);
    if (client === undefined) return false;
    if (record.kind === "subscription") {
      client.subscriptions.push({ topicFilter: record.topicFilter, qos: record.qos });
      return true;
    }
    if (record.kind !== "delivery") return true;
    const message = this.messages.get(record.message);
    if (message === undefined) return false;
    client.queue.count++;
    client.queue.bytes += message.bytes + Buffer.byteLength(message.topic);
    if (record.state !== "queued") client.queue.inFlight++;
    return true;
  }
}

function bodyOf({ topic, payload, qos, expiresAt, publisher }: MessageRecord): Body {
  return { topic, bytes: payload.length, qos, expiresAt, publisher };
}

function clientOf(record: SessionRecord): Client {
  return { record, subscriptions: [], queue: { count: 0, bytes: 0, inFlight: 0 } };
}

function storedClient({ record, subscriptions, queue }: Client): StoredClient {
  const { clientId, identity, version, expiry, endedAt, will } = record;
  return {
    clientId,
    identity,
    version: versions[version],
    expiry: expiry === NEVER ? undefined : expiry,
    endedAt: timeText(endedAt),
    willTopic: will?.topic,
    subscriptions,
    queue,
  };
}

function storedRetained({ expiresAt, ...body }: Body): StoredRetained {
  return { ...body, expiresAt: timeText(expiresAt) };
}

/** The latest time that has a text. */
const LATEST = 8.64e15;

function timeText(time: number): string | undefined {
  return Math.abs(time) <= LATEST ? new Date(time).toISOString() : undefined;
}
