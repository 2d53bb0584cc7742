/**
 * What the broker must keep beyond the process, as changes to one session of a store. Collects changes and writes them in
 * batches, one at a time: what is recorded during a write is written and synced together. A batch is taken between
 * two events of the program, so it never has a part of what one packet caused. Owns what a failed write means: what was
 * recorded for the first time is undone, everything else stays pending, and the write is retried.
 */

import { type Clock, MqttError, type StoredSession, StoreError, type Timer } from "@aiko/mqtt";
import { Queue } from "@aiko/mqtt/session";
import type { PublishedMessage, StoredMessage } from "../messages/published-message.js";
import { Batch, type Undo } from "./batch.js";
import { writeRecord } from "./record-writing.js";

/** What the journal needs of the rest of the broker. */
export interface JournalOwner {
  /**
   * A write has failed; `isFirst` unless it is a repetition. Everything that depends on a batch that is not durable must
   * be ended: it is undone next.
   */
  storeFailed(error: MqttError, isFirst: boolean): void;
  /** The store has room again, after failures. */
  storeRecovered(): void;
}

/** Unreadable records are moved to keys from here on, and are never read again. */
export const SET_ASIDE = 2 ** 52;
/** A record that is written and removed again, to find out whether the store has room. */
export const PROBE = 0;

/** Milliseconds between two attempts to write after a failure: the first and the longest. */
const FIRST_RETRY = 100;
const LONGEST_RETRY = 5_000;
/** Milliseconds that a write, and closing, may take. */
const PATIENCE = 60_000;
/** Milliseconds that opening may take: it reads the whole store. */
export const OPENING_PATIENCE = 1_800_000;
/** How many reads the store gets at once. Each has a limit of time, which must not run while others are done. */
const MOST_READS = 8;
/** The most bytes of the probe. Otherwise, one huge message that failed would stop all others. */
const LARGEST_PROBE = 65_536;

export class BrokerJournal {
  private collected = new Batch(1);
  private writing: Batch | undefined;
  private lastDurable = 0;
  private lastKey = 0;
  private nextAside = SET_ASIDE;
  /** How many reads the store has not answered, and who waits to read. Each client reads once at a time. */
  private reads = 0;
  private readonly waitingReads = new Queue<() => void>();
  private session: StoredSession | undefined;
  private commitDue = false;
  /** How many writes, and how many probes, have failed since the last success. */
  private failures = 0;
  private failedProbes = 0;
  /** From a failed write until a probe has succeeded. */
  private isRefusing = false;
  /** How many writes the store has not answered. More than one only if it takes too long. */
  private unanswered = 0;
  private retry: Timer | undefined;
  private probeSize = 0;
  private closing: Promise<void> | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly owner: JournalOwner,
  ) {}

  /** The number of the batch that collects changes now. What depends on them must wait for it: see `durable`. */
  get collecting(): number {
    return this.collected.number;
  }

  /**
   * Whether nothing new may be recorded: a write has failed, and it is not known yet that there is room. Changes of what
   * is recorded are written nevertheless, so that clients can take their messages from a store that is full.
   */
  get isFailing(): boolean {
    return this.isRefusing;
  }

  /** Whether everything up to this batch is durable. A batch that has nothing to write is not. */
  isDurable(batch: number): boolean {
    return batch <= this.lastDurable;
  }

  /**
   * Returns a promise that resolves when everything up to this batch is durable; undefined if it is. The promise rejects
   * if a write fails.
   */
  durable(batch: number): Promise<void> | undefined {
    if (batch <= this.lastDurable) return undefined;
    const { collected, writing } = this;
    const isCollecting = batch === collected.number;
    if (isCollecting && collected.changes.size > 0) return collected.written;
    if (writing !== undefined || isCollecting) return writing?.written;
    return Promise.reject(new Error("bug: a connection depends on a batch that has failed"));
  }

  /**
   * Begins to write.
   *
   * @param lastKey the highest key of a record
   * @param nextAside the first free key for unreadable records
   */
  begin(session: StoredSession, lastKey: number, nextAside: number): void {
    this.session = session;
    this.lastKey = lastKey;
    this.nextAside = nextAside;
  }

  /** Whether records can be read while the broker runs, so that messages can wait in the store alone. */
  get canRead(): boolean {
    return this.session?.read !== undefined;
  }

  /**
   * Resolves to the values of records; undefined for one that does not exist, or was damaged. What is not written yet is
   * written first.
   *
   * @throws MqttError of the store
   */
  async read(keys: readonly number[]): Promise<readonly (Uint8Array | undefined)[]> {
    const pending = [this.collected, this.writing].find((batch) => batch?.puts(keys));
    await pending?.written.catch(() => undefined); // then it is undone
    if (this.reads >= MOST_READS) await new Promise<void>((resolve) => this.waitingReads.push(resolve));
    this.reads++;
    try {
      const { session } = this;
      if (session?.read === undefined) throw new StoreError("STORE_FAILED", "store: it is closed, or cannot be read");
      return await inTime(this.clock, session.read(keys), "read the store");
    } finally {
      this.reads--;
      this.waitingReads.shift()?.();
    }
  }

  /** Moves a record that is not readable to where nothing is read from. */
  setAside(key: number, value: Uint8Array): void {
    this.delete(key);
    this.set(this.nextAside++, value);
  }

  /**
   * Records something new. Returns its key.
   *
   * @param undo default: it stays pending until it can be written
   */
  add(value: Uint8Array, undo?: Undo): number {
    const key = ++this.lastKey;
    this.collected.added.add(key);
    if (undo !== undefined) this.collected.undo.set(key, undo);
    this.set(key, value);
    return key;
  }

  /**
   * Replaces a record.
   *
   * @param undo default: the change stays pending until it can be written
   */
  set(key: number, value: Uint8Array, undo?: Undo): void {
    const { changes, undo: undos } = this.collected;
    changes.set(key, value);
    if (undo !== undefined && !undos.has(key)) undos.set(key, undo); // the first one leads back to what is stored
    this.commitSoon();
  }

  delete(key: number): void {
    const { changes, added, undo } = this.collected;
    undo.delete(key);
    this.writing?.undo.delete(key); // there is nothing left to undo
    if (!added.delete(key)) changes.set(key, undefined);
    else if (changes.delete(key) && changes.size === 0) this.emptied();
    this.commitSoon();
  }

  /** Records the message, if it has no record, because another record refers to it. */
  hold(message: PublishedMessage): StoredMessage {
    let { record } = message;
    if (record === undefined || record.references === 0) {
      const { topic, payload, qos, retain, properties, expiresAt, publisher, publisherIdentity } = message;
      const by = { publisher, publisherIdentity };
      const value = writeRecord({ kind: "message", topic, payload, qos, retain, properties, expiresAt, ...by });
      record = { key: this.add(value), size: value.length, expiresAt, references: 0 };
      message.record = record;
    }
    record.references++;
    return record;
  }

  /** Called when a record does not refer to the message any more. */
  release(record: StoredMessage | undefined): void {
    if (record === undefined || --record.references > 0) return;
    this.delete(record.key);
  }

  /**
   * Writes everything that is pending, and closes the session of the store. Nothing may be recorded afterwards.
   *
   * @throws MqttError of the store, if something could not be written; StoreError STORE_TIMEOUT
   */
  close(): Promise<void> {
    this.closing ??= this.finish();
    return this.closing;
  }

  private async finish(): Promise<void> {
    const { session } = this;
    if (session === undefined) return;
    this.retry?.cancel();
    try {
      while (this.writing !== undefined || this.collected.changes.size > 0) {
        this.commit();
        await this.writing?.written;
      }
    } finally {
      this.session = undefined; // nothing is written any more
      await inTime(this.clock, session.close(), "close the store");
    }
  }

  /** Nothing that was collected is left to be written. Who waits for it looks again. */
  private emptied(): void {
    const { number, resolve } = this.collected;
    this.collected = new Batch(number);
    resolve();
  }

  private commitSoon(): void {
    if (this.commitDue || this.writing !== undefined || this.failures > 0 || this.session === undefined) return;
    this.commitDue = true;
    const commit = (): void => {
      this.commitDue = false;
      if (this.failures === 0) this.commit();
    };
    if (this.clock.soon === undefined) this.clock.defer(commit);
    else this.clock.soon(commit);
  }

  private commit(): void {
    const { collected: batch, session } = this;
    if (this.writing !== undefined || session === undefined || batch.changes.size === 0) return;
    this.writing = batch;
    this.collected = new Batch(batch.number + 1);
    void this.write(session, batch);
  }

  /** Never rejects. */
  private async write(session: StoredSession, batch: Batch): Promise<void> {
    this.unanswered++;
    try {
      const changes = [...batch.changes].map(([key, value]) => ({ key, value }));
      const written = session.write(changes).finally(() => this.unanswered--);
      await inTime(this.clock, written, "write to the store");
    } catch (error) {
      if (!batch.isProbe) {
        this.failed(batch, storeError(error));
        return;
      }
      this.failedProbes++;
      this.succeeded(batch); // nothing depends on it
      return;
    }
    if (batch.isProbe) this.recovered();
    this.succeeded(batch);
  }

  private succeeded(batch: Batch): void {
    this.failures = 0;
    this.lastDurable = batch.number;
    this.writing = undefined;
    batch.resolve();
    this.commit();
    if (this.isRefusing && !batch.isProbe) this.failedProbes = 0; // there may be room now
    if (this.isRefusing && this.retry === undefined) this.later(this.failedProbes, () => this.probe());
  }

  /** Finds out whether there is room for something new. */
  private probe(): void {
    const { collected } = this;
    if (this.writing === undefined && collected.changes.size === 0) {
      collected.isProbe = true;
      collected.changes.set(PROBE, new Uint8Array(this.probeSize));
    }
    this.commit();
  }

  private recovered(): void {
    this.isRefusing = false;
    this.failedProbes = 0;
    this.probeSize = 0;
    this.delete(PROBE);
    this.owner.storeRecovered();
  }

  private failed(batch: Batch, error: MqttError): void {
    const { collected } = this;
    const isFirst = !this.isRefusing;
    this.isRefusing = true;
    this.failures++;
    this.failedProbes = 0;
    this.writing = undefined;
    this.collected = new Batch(collected.number + 1);
    for (const { changes } of [batch, collected])
      for (const [key, value] of changes) this.collected.changes.set(key, value);
    for (const value of batch.changes.values())
      this.probeSize = Math.min(LARGEST_PROBE, Math.max(this.probeSize, value?.length ?? 0));
    this.owner.storeFailed(error, isFirst);
    for (const { undo } of [collected, batch]) for (const each of [...undo.values()].reverse()) each(error);
    for (const each of [batch, collected]) each.reject(error);
    this.tryAgain();
  }

  private tryAgain(): void {
    this.later(this.failures - 1, () => {
      if (this.unanswered > 0) this.tryAgain();
      else if (this.collected.changes.size > 0) this.commit();
      else this.probe();
    });
  }

  /** Calls `action` after a delay that grows with the number of failures. */
  private later(failures: number, action: () => void): void {
    if (this.closing !== undefined) return;
    this.retry?.cancel();
    this.retry = this.clock.schedule(Math.min(LONGEST_RETRY, FIRST_RETRY * 2 ** Math.min(failures, 16)), () => {
      this.retry = undefined;
      action();
    });
  }
}

/** Stores of other authors throw other errors. */
function storeError(error: unknown): MqttError {
  if (error instanceof MqttError) return error;
  return new StoreError("STORE_FAILED", `store: writing failed: ${error}`, { cause: error });
}

/** Waits for the store's answer, within a limit. @throws StoreError STORE_TIMEOUT */
export function inTime<Result>(
  clock: Clock,
  answer: Promise<Result>,
  what: string,
  patience = PATIENCE,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const late = `store: could not ${what} within ${patience} ms`;
    const timer = clock.schedule(patience, () => reject(new StoreError("STORE_TIMEOUT", late)));
    answer.then(resolve, reject).finally(() => timer.cancel());
  });
}
