/**
 * What of a session must survive the process, as changes to a store: messages that have no outcome yet, with their
 * packet identifiers, and the identifiers of QoS 2 messages that came and were not released. Collects changes; whoever
 * owns the connection has them written before the packets that rest on them leave.
 *
 * Records: a message is kept under its sequence number, which gives the order; an incoming identifier under
 * INCOMING + identifier. What changes several times between two writes is written once, and what is over before the first not
 * at all.
 */

import type { StoreChange, StoreRecord } from "../platform/store.js";
import { MessageRecords, readMessage, type StoredMessage } from "./message-record.js";
import type { OutgoingMessage } from "./outgoing-message.js";

const INCOMING = 2 ** 48;
const NOTHING = new Uint8Array(0);

export interface StoredSession {
  readonly messages: readonly StoredMessage[];
  /** Packet identifiers of QoS 2 messages received and not yet released. */
  readonly incoming: readonly number[];
}

/** What was taken to be written: what `refused` needs to know of it. */
interface Batch {
  /** Messages of which the store had no record before, and their keys. */
  readonly first: readonly OutgoingMessage[];
  readonly firstKeys: readonly number[];
  readonly again: readonly OutgoingMessage[];
  readonly removals: readonly number[];
  readonly incoming: ReadonlyMap<number, "put" | "remove">;
}

export class SessionJournal {
  private readonly records = new MessageRecords();
  private sequence = 0;
  /** Messages whose records are to be written; those that were removed meanwhile have no sequence number any more. */
  private changed: OutgoingMessage[] = [];
  private removals: number[] = [];
  private incoming = new Map<number, "put" | "remove">();
  /** The incoming identifiers that have records, or will have with what is being written. */
  private readonly storedIncoming = new Set<number>();
  private taken: Batch | undefined;

  /** Reads what a store held, and goes on numbering behind it. */
  load(records: readonly StoreRecord[]): StoredSession {
    const messages: StoredMessage[] = [];
    const incoming: number[] = [];
    for (const { key, value } of records) {
      if (key > INCOMING) {
        incoming.push(key - INCOMING);
        this.storedIncoming.add(key - INCOMING);
      } else {
        messages.push(readMessage(key, value));
        this.sequence = Math.max(this.sequence, key);
      }
    }
    return { messages, incoming };
  }

  /** The message, as it will stand when the changes are taken. */
  put(message: OutgoingMessage): void {
    if (message.sequence === 0) message.sequence = ++this.sequence;
    if (message.changed) return;
    message.changed = true;
    this.changed.push(message);
  }

  remove(message: OutgoingMessage): void {
    if (message.stored) this.removals.push(message.sequence);
    message.stored = false;
    message.sequence = 0;
  }

  /** As often as an identifier is acknowledged: what the store has already is not written again. */
  putIncoming(packetIdentifier: number): void {
    if (this.incoming.get(packetIdentifier) === "remove") this.incoming.delete(packetIdentifier);
    else if (!this.storedIncoming.has(packetIdentifier)) this.incoming.set(packetIdentifier, "put");
  }

  removeIncoming(packetIdentifier: number): void {
    if (this.incoming.get(packetIdentifier) === "put") this.incoming.delete(packetIdentifier);
    else if (this.storedIncoming.has(packetIdentifier)) this.incoming.set(packetIdentifier, "remove");
  }

  get hasChanges(): boolean {
    return this.changed.length > 0 || this.removals.length > 0 || this.incoming.size > 0;
  }

  /**
   * The changes since the last call; undefined if there are none. They are to be written, all or none, before the next call, and
   * their values are valid until then. If that fails, `refused` has to be told.
   */
  take(): readonly StoreChange[] | undefined {
    const { changed, removals, incoming } = this;
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
    for (const [identifier, what] of incoming) {
      changes.push({ key: INCOMING + identifier, value: what === "put" ? NOTHING : undefined });
      if (what === "put") this.storedIncoming.add(identifier);
      else this.storedIncoming.delete(identifier);
    }
    this.changed = [];
    this.removals = [];
    this.incoming = new Map();
    this.taken = { first, firstKeys, again, removals, incoming };
    return changes.length === 0 ? undefined : changes;
  }

  /**
   * Nothing of what was taken last was written. What the store has records of is taken again with the next changes. Messages
   * that it has none of are returned: nothing of them has left, and they are given up. Identifiers of messages that came are
   * forgotten until they come again, since nobody was told that they are safe.
   */
  refused(): readonly OutgoingMessage[] {
    const { taken } = this;
    if (taken === undefined) throw new Error("bug: nothing was taken");
    this.taken = undefined;
    const neverStored = new Set(taken.firstKeys);
    this.removals = [...taken.removals, ...this.removals.filter((key) => !neverStored.has(key))];
    for (const message of taken.again) if (message.sequence !== 0) this.put(message);
    for (const [identifier, what] of taken.incoming) {
      if (what === "put") {
        this.storedIncoming.delete(identifier);
        if (this.incoming.get(identifier) === "remove") this.incoming.delete(identifier);
      } else {
        this.storedIncoming.add(identifier);
        if (this.incoming.get(identifier) === "put") this.incoming.delete(identifier);
        else this.incoming.set(identifier, "remove");
      }
    }
    const unstored = taken.first.filter(({ sequence }) => sequence !== 0);
    for (const message of unstored) message.stored = false;
    return unstored;
  }
}
