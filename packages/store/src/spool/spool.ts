/**
 * A queue on disk for records that must not be lost between a device and a server. A record is accepted when it is synced, is read in the order
 * of acceptance, and stays until it is settled. Memory depends on the number of sources and on what is being read, not on the number of records.
 *
 * What is promised rests on five rules. A record is accepted after its frame was synced. A frame whose write failed is cut off again before the
 * next; if even that fails, nothing more is written. The cursor's file is synced before a segment that it has passed is removed. A segment is
 * complete and synced before it has its name. What a file holds counts only with its checksums right.
 */

import { join, resolve as resolvePath } from "node:path";
import { StoreError, UsageError } from "@aiko/mqtt";
import { storeError } from "../store-error.js";
import { AgeLimit } from "./age-limit.js";
import { CursorFile } from "./cursor-file.js";
import { type Account, LONGEST_NAME, type SpoolCounts } from "./ledger.js";
import { recover } from "./recovery.js";
import { bodies } from "./segment-scan.js";
import { parseSpoolOptions, type SpoolOptions, type SpoolSettings } from "./spool-options.js";
import { SpoolReader } from "./spool-reader.js";
import { bodyStart, decodeRecord, eachEntry, type SpooledRecord, type SpoolRecord } from "./spool-record.js";
import { SpoolState } from "./spool-state.js";
import { SpoolUpkeep } from "./spool-upkeep.js";
import { SpoolWriter } from "./spool-writer.js";

/** The state of a spool. */
export interface SpoolStatistics {
  /** The bytes that the segments take on the disk. */
  readonly bytes: number;
  /** Records that are accepted and not settled. */
  readonly records: number;
  /** When the oldest record in flight was accepted, in milliseconds since the Unix epoch. Undefined if none is in flight or it is unknown. */
  readonly oldestAcceptedAt: number | undefined;
  /** The counts of each source, by its id. */
  readonly sources: Readonly<Record<string, SpoolCounts>>;
}

/** `onRoom` is called when this share of each bound is in use, or less. */
const ROOM = 0.9;

/**
 * A queue on disk between sources and a consumer. Opens one directory, which has one owner at a time.
 *
 * @example
 * const spool = await Spool.open("/var/lib/gateway/spool");
 * await spool.append("meter", [{ topic: "house/meter", payload: new TextEncoder().encode("21.5") }]);   // now it survives a power loss
 * for (const record of await spool.read(100)) {
 *   await client.publish(record.topic, record.payload, { qos: record.qos });
 *   spool.settle(record.sequence, "out");
 * }
 * await spool.close();
 */
export class Spool {
  private readonly recordListeners = new Set<() => void>();
  private readonly roomListeners = new Set<() => void>();
  private readonly age: AgeLimit;
  private readonly reader: SpoolReader;
  private readonly upkeep: SpoolUpkeep;
  private readonly writer: SpoolWriter;
  private isClosed = false;

  private constructor(
    private readonly directory: string,
    private readonly settings: SpoolSettings,
    private readonly release: () => Promise<void>,
    cursorFile: CursorFile,
    private readonly state: SpoolState,
  ) {
    const { fileSystem, clock, maximumAge } = settings;
    const age = new AgeLimit(clock, maximumAge);
    this.age = age;
    this.reader = new SpoolReader(fileSystem, state, () => {
      this.upkeep.recount().catch(() => {}); // counted when the spool is opened again
    });
    this.upkeep = new SpoolUpkeep(
      directory,
      settings,
      state,
      cursorFile,
      age,
      () => this.reader,
      () => this.changed(),
    );
    this.writer = new SpoolWriter(directory, settings, state, this.upkeep, age, () => this.tell(this.recordListeners));
  }

  /**
   * Opens a spool and becomes its owner. The directory is created if it does not exist. Recovers all intact records.
   *
   * @throws UsageError OPTION_UNKNOWN or OPTION_INVALID; StoreError STORE_LOCKED if the spool has another owner; STORE_FULL or STORE_FAILED if
   * the file system fails
   */
  static async open(directory: string, options: SpoolOptions = {}): Promise<Spool> {
    if (typeof directory !== "string" || directory === "" || directory.includes("\0")) {
      const what = `directory ${JSON.stringify(directory)}: must be the path of a directory`;
      throw new UsageError("OPTION_INVALID", what, { option: "directory" });
    }
    const path = resolvePath(directory);
    const settings = parseSpoolOptions(options);
    try {
      return await Spool.take(path, settings);
    } catch (error) {
      throw storeError(`open the spool in ${path}`, error);
    }
  }

  private static async take(directory: string, settings: SpoolSettings): Promise<Spool> {
    const { fileSystem: files } = settings;
    await files.makeDirectory(directory);
    const release = await files.lock(directory, "spool");
    if (release === undefined) {
      const what = `disk store: the spool in ${directory} is already open in this or another process; close it there`;
      throw new StoreError("STORE_LOCKED", what);
    }
    let cursor: CursorFile | undefined;
    let spool: Spool | undefined;
    try {
      const path = join(directory, "cursor");
      const opened = await CursorFile.open(files, directory, path);
      cursor = opened.cursor;
      const { settled, ledger, segments, next, damage } = await recover(files, directory, opened.state);
      const state = new SpoolState(settled, ledger, segments, next);
      spool = new Spool(directory, settings, release, cursor, state);
      const { damagedBytes: bytes } = opened;
      if (bytes > 0) settings.onDamage?.({ file: path, offset: 0, bytes, keptAs: path });
      for (const each of damage) settings.onDamage?.(each);
      await spool.writer.resume();
      state.isDirty = true;
      await spool.checkpoint().catch(() => {}); // on a full or failing disk the old state counts
      return spool;
    } catch (error) {
      await spool?.writer.close();
      await cursor?.close();
      await release();
      throw error;
    }
  }

  /**
   * Accepts records of a source, in this order. Resolves when all of them are synced. If it rejects, none is accepted.
   *
   * @param source the source's id: 1 to 64 bytes of UTF-8
   * @throws UsageError OPTION_INVALID for a source's id that is too long; StoreError STORE_FULL if a bound is reached, if the disk is full, or
   * if a record is larger than a segment; STORE_FAILED if the file system failed, now or before, or if the spool is closed
   */
  append(source: string, records: readonly SpoolRecord[]): Promise<void> {
    try {
      for (const record of records) this.writer.assertFits(record);
      const account = this.accountOf(source);
      if (this.isClosed) throw new StoreError("STORE_FAILED", `disk store: the spool in ${this.directory} is closed`);
      return this.writer.append(account, records);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Reads the next records that are not settled, in the order of acceptance. Resolves to none if all were read. A record is read once; after
   * the spool is opened again, what is not settled is read again. Records that are too old are dropped as "expired" and not returned.
   *
   * @param limit the most records to return, 1 or more. Reading stops 32,768 records beyond the first one that is not settled.
   * @throws StoreError STORE_FAILED
   */
  async read(limit: number): Promise<SpooledRecord[]> {
    for (;;) {
      const records = await this.reader.read(limit).catch((error: unknown) => {
        throw storeError(`read the spool in ${this.directory}`, error);
      });
      const fresh: SpooledRecord[] = [];
      for (const record of records) {
        this.state.inflight.set(record.sequence, record);
        if (this.age.isExpired(record.acceptedAt)) this.settle(record.sequence, "expired");
        else fresh.push(record);
      }
      if (fresh.length > 0 || records.length === 0) return fresh;
    }
  }

  /**
   * Iterates over all records that are not settled, in the order of acceptance, without reading them: `read` returns them too. For a look at a
   * spool that nothing else uses.
   *
   * @throws StoreError STORE_FAILED
   */
  async *records(): AsyncGenerator<SpooledRecord, void, undefined> {
    const { settled, ledger, segments } = this.state;
    try {
      for (const segment of [...segments]) {
        for await (const shared of bodies(this.settings.fileSystem, segment)) {
          const body = Buffer.from(shared);
          const { acceptedAt } = bodyStart(body);
          const found: SpooledRecord[] = [];
          eachEntry(body, {
            definition: () => {},
            record: (sequence, source, own, fields) => {
              const account = ledger.byNumberOf(source);
              if (account === undefined || own <= account.clearedTo || settled.has(sequence)) return;
              found.push(decodeRecord(sequence, account.id, acceptedAt, fields));
            },
          });
          yield* found;
        }
      }
    } catch (error) {
      throw storeError(`read the spool in ${this.directory}`, error);
    }
  }

  /**
   * Settles a record that was read: "out" if it was delivered, otherwise the reason why it was dropped, at most 32 visible ASCII characters.
   * A source has at most 27 reasons; further ones are counted as "other". Does nothing if the record is settled.
   */
  settle(sequence: number, outcome: string): void {
    if (!this.state.settle(sequence, outcome)) return;
    this.upkeep.note();
    const { segments, settled } = this.state;
    const oldest = segments[0];
    if (oldest !== undefined && oldest.next <= settled.cursor && segments.length > 1) {
      this.checkpoint().catch(() => {}); // reported by the next one
    }
    this.tellRoom();
  }

  /**
   * Counts records that came from a source and were never spooled: "out" if they were delivered at once, otherwise the reason why they were
   * dropped, as for `settle`.
   *
   * @throws StoreError STORE_FULL if there are 256 other sources
   */
  count(source: string, outcome: string, count = 1): void {
    const account = this.accountOf(source);
    account.in += count;
    if (outcome === "out") account.out += count;
    else this.state.ledger.drop(account, outcome, count);
    this.state.isDirty = true;
  }

  /** Drops all records of a source, as "cleared". Returns how many there were. Resolves when that survives a power loss. */
  async clear(source: string): Promise<number> {
    const account = this.state.ledger.byIdOf(source);
    if (account === undefined) return 0;
    const count = this.state.clear(account);
    this.tellRoom();
    await this.checkpoint();
    return count;
  }

  /**
   * Writes down what is settled so that it survives a power loss, and removes segments of which everything is settled. What was settled since the
   * last call is read again after a power loss; after the process was killed, only what is `unwritten`. Call it once a second; `close` calls it
   * too.
   *
   * @throws StoreError STORE_FAILED if the file system failed. Nothing is lost; call it again.
   */
  checkpoint(): Promise<void> {
    return this.upkeep.checkpoint();
  }

  /**
   * Registers a listener for records that can be read, and for what is `unwritten` having been written down. Returns a function that removes it.
   */
  onRecords(listener: () => void): () => void {
    this.recordListeners.add(listener);
    return () => this.recordListeners.delete(listener);
  }

  /**
   * Registers a listener that is called when there is room again after STORE_FULL: when at most 90 % of each bound are in use. Returns a function
   * that removes it. A disk that other programs filled reports nothing when it has room: try again after a while.
   */
  onRoom(listener: () => void): () => void {
    this.roomListeners.add(listener);
    return () => this.roomListeners.delete(listener);
  }

  /**
   * Records that were settled and are read again if the process is killed now. That they are settled is written down at once, which takes a
   * moment. To limit what a kill can repeat, count them as in flight.
   */
  get unwritten(): number {
    return this.state.unwritten;
  }

  /** The state of the spool. */
  get statistics(): SpoolStatistics {
    const { inflight, ledger, bytes, live } = this.state;
    const [oldest] = inflight.values();
    const sources: Record<string, SpoolCounts> = {};
    for (const account of ledger.accounts) sources[account.id] = account.counts;
    return { bytes, records: live, oldestAcceptedAt: oldest?.acceptedAt || undefined, sources };
  }

  /** Waits until what was appended is written, writes down what is settled, and releases the directory. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await this.writer.close();
    await this.upkeep.close();
    await this.reader.close();
    await this.release();
  }

  private accountOf(source: string): Account {
    const { ledger } = this.state;
    const known = ledger.byIdOf(source);
    if (known !== undefined) return known;
    const size = Buffer.byteLength(source);
    if (size > 0 && size <= LONGEST_NAME) return ledger.open(source);
    const what = `source "${source.slice(0, LONGEST_NAME)}": must have 1 to ${LONGEST_NAME} bytes`;
    throw new UsageError("OPTION_INVALID", what, { option: "source" });
  }

  private changed(): void {
    this.tellRoom();
    this.tell(this.recordListeners);
  }

  private tellRoom(): void {
    if (!this.writer.isFull) return;
    const { live, bytes } = this.state;
    const { maximumRecords, maximumBytes } = this.settings;
    if (live > maximumRecords * ROOM || bytes > maximumBytes * ROOM) return;
    this.writer.isFull = false;
    this.tell(this.roomListeners);
  }

  private tell(listeners: ReadonlySet<() => void>): void {
    for (const listener of [...listeners]) listener();
  }
}
