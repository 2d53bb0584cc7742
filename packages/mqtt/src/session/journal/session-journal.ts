/**
 * The part of a session that must survive the process, as changes to a store: messages without an outcome, with their
 * packet identifiers, and the `IncomingRecords` of received QoS 2 messages. Collects changes. The connection's owner
 * writes them before the packets that depend on them are sent.
 *
 * Records: a message is stored under its sequence number, which gives the order. Numbers from INCOMING on are records
 * of received messages. Numbers from SET_ASIDE on are unreadable records, which are never read again. Several changes
 * of a message between two writes are written once. A message that is finished before the first write is not written at
 * all.
 */

import type { StoreChange, StoreRecord } from "../../platform/store.js";
import { IncomingRecords, isIncomingRecord } from "../incoming/incoming-records.js";
import type { OutgoingMessage } from "../outgoing/outgoing-message.js";
import type { MessageJournal } from "./message-journal.js";
import { MessageRecords, readMessage, type StoredMessage } from "./message-record.js";

/** What a store held of a session. */
export interface RestoredSession {
  /** Outgoing messages without an outcome, in order. */
  readonly messages: readonly StoredMessage[];
  /** Packet identifiers of QoS 2 messages that were received and not yet released. */
  readonly incoming: readonly number[];
  /** Records that cannot be read. If there are any, nothing was loaded. */
  readonly rejected: readonly RejectedRecord[];
}

/** A record that cannot be read. */
export interface RejectedRecord extends StoreRecord {
  /** The reason, in words. */
  readonly why: string;
}

/** Unreadable records are moved to keys from here on. */
export const SET_ASIDE = 2 ** 52;

/** What `refused` must know of the changes that were taken. */
interface Batch {
  /** Messages that had no record in the store before, and their keys. */
  readonly first: readonly OutgoingMessage[];
  readonly firstKeys: readonly number[];
  readonly again: readonly OutgoingMessage[];
  readonly removals: readonly number[];
}

/**
 * Collects what must survive the process, as changes to a store. The owner of the connection writes them before the
 * packets that depend on them leave.
 */
export class SessionJournal implements MessageJournal {
  readonly incoming = new IncomingRecords();
  private readonly records = new MessageRecords();
  private sequence = 0;
  /** Messages whose records must be written. Messages that were removed meanwhile have no sequence number. */
  private changed: OutgoingMessage[] = [];
  private removals: number[] = [];
  private taken: Batch | undefined;

  /** Reads the records of a store, and continues its numbering. */
  load(records: readonly StoreRecord[]): RestoredSession {
    const messages: StoredMessage[] = [];
    const received: StoreRecord[] = [];
    const rejected: RejectedRecord[] = [];
    const identifiers = new Set<number>();
    for (const record of records) {
      const { key, value } = record;
      if (key >= SET_ASIDE) continue;
      try {
        if (isIncomingRecord(key, value)) received.push(record);
        else messages.push(readMessage(key, value, identifiers));
      } catch (error) {
        rejected.push({ ...record, why: (error as Error).message });
      }
    }
    if (rejected.length > 0) return { messages: [], incoming: [], rejected };
    for (const { sequence } of messages) this.sequence = Math.max(this.sequence, sequence);
    const incoming = received.map(({ key, value }) => this.incoming.load(key, value));
    return { messages, incoming: incoming.filter((open) => open !== undefined), rejected };
  }

  /** Records a message, in the state that it has when the changes are taken. */
  put(message: OutgoingMessage): void {
    if (message.sequence === 0) message.sequence = ++this.sequence;
    if (message.changed) return;
    message.changed = true;
    this.changed.push(message);
  }

  /** Removes the record of a message. */
  remove(message: OutgoingMessage): void {
    if (message.stored) this.removals.push(message.sequence);
    message.stored = false;
    message.sequence = 0;
  }

  /** Whether there are changes to write. */
  get hasChanges(): boolean {
    return this.changed.length > 0 || this.removals.length > 0 || this.incoming.hasChanges;
  }

  /**
   * Returns the changes since the last call, or undefined if there are none. Write them, all or none, before the next
   * call. Their values are valid until then. If the write fails, call `refused`.
   */
  take(): readonly StoreChange[] | undefined {
    const { changed, removals } = this;
    if (!this.hasChanges) return undefined;
    this.records.forget();
    const changes: StoreChange[] = [];
    const first: OutgoingMessage[] = [];
    const firstKeys: number[] = [];
    const again: OutgoingMessage[] = [];
    for (const message of changed) {
      message.changed = false;
      const { sequence: key } = message;
      if (key === 0) continue;
      if (message.stored) {
        again.push(message);
      } else {
        message.stored = true;
        first.push(message);
        firstKeys.push(key);
      }
      changes.push({ key, value: this.records.write(message) });
    }
    for (const key of removals) changes.push({ key, value: undefined });
    this.incoming.take(changes);
    this.changed = [];
    this.removals = [];
    this.taken = { first, firstKeys, again, removals };
    return changes.length === 0 ? undefined : changes;
  }

  /**
   * Reports that nothing of the last changes was written. Messages with an earlier record, and received messages, are
   * taken again with the next changes. Returns the messages without a record: no byte of them was sent, so they fail.
   */
  refused(): readonly OutgoingMessage[] {
    const { taken } = this;
    if (taken === undefined) throw new Error("bug: nothing was taken");
    this.taken = undefined;
    const neverStored = new Set(taken.firstKeys);
    this.removals = [...taken.removals, ...this.removals.filter((key) => !neverStored.has(key))];
    for (const message of taken.again) if (message.sequence !== 0) this.put(message);
    this.incoming.refused();
    const unstored = taken.first.filter(({ sequence }) => sequence !== 0);
    for (const message of unstored) message.stored = false;
    return unstored;
  }
}
