/**
 * A spool in memory, without files: for machines that have no file system which can be synced, such as QuickJS on a router. Its records do not
 * survive the process. Uses no function of a platform.
 */

import { StoreError } from "@aiko/mqtt";
import { AgeLimit, type SpoolClock } from "./age-limit.js";
import { type Account, Ledger, type SpoolCounts } from "./ledger.js";
import type { SpoolStatistics } from "./spool.js";
import type { SpoolOptions } from "./spool-options.js";
import { recordSize, type SpooledRecord, type SpoolRecord } from "./spool-record.js";

/** Options of a `MemorySpool`: those of `Spool.open` that have a meaning without files. All of them are required. */
export interface MemorySpoolOptions {
  /** The bytes that the records may have, above 0. A record costs 256 bytes in addition to `recordSize`. */
  readonly maximumBytes: number;
  /** The most records that are not settled, above 0. */
  readonly maximumRecords: number;
  /** The age in milliseconds at which a record is dropped as "expired", above 0. Infinity: never. */
  readonly maximumAge: number;
  /** What happens when the spool is full. "drop-oldest" drops the oldest record that is not in flight. The rest is as for `Spool.open`. */
  readonly full: Exclude<SpoolOptions["full"], undefined>;
  /** The clocks to use. */
  readonly clock: SpoolClock;
}

/** An accepted record that is not settled. */
interface Entry {
  readonly record: SpooledRecord;
  readonly account: Account;
  readonly size: number;
}

/** What a record costs in memory in addition to its bytes: the objects that hold it. */
const ENTRY_COST = 256;
/** `onRoom` is called when this share of each bound is in use, or less. */
const ROOM = 0.9;

/** A queue in memory between sources and a consumer. Behaves as `Spool` does, except that nothing survives the process. */
export class MemorySpool {
  private readonly recordListeners = new Set<() => void>();
  private readonly roomListeners = new Set<() => void>();
  private readonly ledger = new Ledger();
  private readonly age: AgeLimit;
  /** Not read, by sequence, in the order of acceptance. */
  private readonly waiting = new Map<number, Entry>();
  /** Read and not settled. */
  private readonly inflight = new Map<number, Entry>();
  private bytes = 0;
  private sequence = 0;
  private isFull = false;
  private isClosed = false;

  constructor(private readonly options: MemorySpoolOptions) {
    this.age = new AgeLimit(options.clock, options.maximumAge);
  }

  /** Always 0: nothing is written. */
  get unwritten(): number {
    return 0;
  }

  /** The state of the spool. */
  get statistics(): SpoolStatistics {
    const [oldest] = this.inflight.values();
    const sources: Record<string, SpoolCounts> = {};
    for (const account of this.ledger.accounts) sources[account.id] = account.counts;
    return {
      bytes: this.bytes,
      records: this.live,
      oldestAcceptedAt: oldest?.record.acceptedAt || undefined,
      sources,
    };
  }

  /**
   * Accepts records of a source, in this order. If it rejects, none is accepted.
   *
   * @throws StoreError STORE_FULL if a bound is reached; STORE_FAILED if the spool is closed
   */
  async append(source: string, records: readonly SpoolRecord[]): Promise<void> {
    if (this.isClosed) throw new StoreError("STORE_FAILED", "spool in memory: it is closed");
    const account = this.ledger.open(source);
    let size = 0;
    for (const record of records) size += costOf(record);
    this.makeRoom(records, size);
    const acceptedAt = this.age.acceptedAt();
    for (const record of records) this.accept(account, record, acceptedAt);
    for (const listener of [...this.recordListeners]) listener();
  }

  /** Reads the next records that are not settled, in the order of acceptance. Resolves to none if all were read. */
  async read(limit: number): Promise<SpooledRecord[]> {
    const records: SpooledRecord[] = [];
    for (const [sequence, entry] of this.waiting) {
      if (records.length >= limit) break;
      this.waiting.delete(sequence);
      this.inflight.set(sequence, entry);
      if (this.age.isExpired(entry.record.acceptedAt)) this.settle(sequence, "expired");
      else records.push(entry.record);
    }
    return records;
  }

  /** Settles a record that was read, as `settle` of `Spool` does. */
  settle(sequence: number, outcome: string): void {
    const entry = this.inflight.get(sequence);
    if (entry === undefined) return;
    this.inflight.delete(sequence);
    this.remove(entry, outcome);
    this.tellRoom();
  }

  /** Counts records that came from a source and were never spooled, as `count` of `Spool` does. */
  count(source: string, outcome: string, count = 1): void {
    const account = this.ledger.open(source);
    account.in += count;
    if (outcome === "out") account.out += count;
    else this.ledger.drop(account, outcome, count);
  }

  /** Does nothing: there is no file. */
  async checkpoint(): Promise<void> {}

  /** Registers a listener for records that can be read. Returns a function that removes it. */
  onRecords(listener: () => void): () => void {
    this.recordListeners.add(listener);
    return () => this.recordListeners.delete(listener);
  }

  /** Registers a listener that is called when there is room again after STORE_FULL. Returns a function that removes it. */
  onRoom(listener: () => void): () => void {
    this.roomListeners.add(listener);
    return () => this.roomListeners.delete(listener);
  }

  /** Accepts nothing more. The records are lost with the object. */
  async close(): Promise<void> {
    this.isClosed = true;
  }

  private get live(): number {
    return this.waiting.size + this.inflight.size;
  }

  private accept(account: Account, record: SpoolRecord, acceptedAt: number): void {
    const { topic, payload, qos = 1, retain = false, expiry, properties } = record;
    const sequence = ++this.sequence;
    const kept = { sequence, source: account.id, acceptedAt, topic, payload: payload.slice(), qos, retain, expiry };
    const size = costOf(record);
    this.waiting.set(sequence, { record: { ...kept, properties: properties?.slice() }, account, size });
    this.bytes += size;
    account.in++;
    account.spooled++;
  }

  /** @throws StoreError STORE_FULL if there is none */
  private makeRoom(records: readonly SpoolRecord[], size: number): void {
    const { full, maximumBytes, maximumRecords } = this.options;
    if (this.fits(records.length, size)) return;
    const couldFit = records.length <= maximumRecords && size <= maximumBytes;
    if (full === "reject" || !couldFit) {
      this.isFull = true;
      const bounds = `maximumBytes (${maximumBytes}) or maximumRecords (${maximumRecords})`;
      throw new StoreError("STORE_FULL", `spool in memory: ${bounds} is reached; nothing was accepted`);
    }
    if (full === "latest-per-topic") this.dropReplaced(new Set(records.map(({ topic }) => topic)));
    for (const queue of [this.waiting, this.inflight]) {
      for (const [sequence, entry] of queue) {
        if (this.fits(records.length, size)) return;
        queue.delete(sequence);
        this.remove(entry, "full");
      }
    }
  }

  private fits(count: number, size: number): boolean {
    const { maximumBytes, maximumRecords } = this.options;
    return this.live + count <= maximumRecords && this.bytes + size <= maximumBytes;
  }

  /** Drops the records that wait, and of which there is a later one with the same topic. @param later topics of records that are to come */
  private dropReplaced(later: Set<string>): void {
    for (const entry of [...this.waiting.values()].reverse()) {
      const { sequence, topic } = entry.record;
      if (later.has(topic)) {
        this.waiting.delete(sequence);
        this.remove(entry, "full");
      }
      later.add(topic);
    }
  }

  private remove({ account, size }: Entry, outcome: string): void {
    this.bytes -= size;
    account.spooled--;
    if (outcome === "out") account.out++;
    else this.ledger.drop(account, outcome, 1);
  }

  private tellRoom(): void {
    const { maximumBytes, maximumRecords } = this.options;
    if (!this.isFull || this.live > maximumRecords * ROOM || this.bytes > maximumBytes * ROOM) return;
    this.isFull = false;
    for (const listener of [...this.roomListeners]) listener();
  }
}

function costOf(record: SpoolRecord): number {
  return ENTRY_COST + recordSize(record);
}
