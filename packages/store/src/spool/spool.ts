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
import type { OpenFile } from "../file-system.js";
import { storeError } from "../store-error.js";
import { AgeLimit } from "./age-limit.js";
import { CursorFile } from "./cursor-file.js";
import { type Account, type Ledger, LONGEST_NAME, type SpoolCounts } from "./ledger.js";
import { recover } from "./recovery.js";
import { Segment } from "./segment.js";
import { bodies, scan } from "./segment-scan.js";
import type { Settled } from "./settled.js";
import { parseSpoolOptions, type SpoolOptions, type SpoolSettings } from "./spool-options.js";
import { SpoolReader } from "./spool-reader.js";
import {
  assertFits,
  BodyWriter,
  bodyStart,
  decodeRecord,
  eachEntry,
  mostBytes,
  type SpooledRecord,
  type SpoolRecord,
} from "./spool-record.js";

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

/** What `append` was given, until it is written. */
interface Job {
  readonly account: Account;
  readonly records: readonly SpoolRecord[];
  readonly size: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What one commit writes. */
interface Group {
  readonly jobs: readonly Job[];
  readonly bodies: readonly Buffer[];
  /** The sequence behind its last record. */
  readonly next: number;
  readonly acceptedAt: number;
}

/** Bytes of a body after which another frame is begun: what a reader holds in memory. */
const FRAME_SIZE = 2 ** 16;
/** The most bytes that one sync is for. */
const GROUP_SIZE = 2 ** 20;
/** The most bytes that may wait for a sync. */
const MOST_WAITING = 8 * 2 ** 20;
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
  private readonly reader: SpoolReader;
  private readonly recordListeners = new Set<() => void>();
  private readonly roomListeners = new Set<() => void>();
  private readonly inflight = new Map<number, SpooledRecord>();
  private jobs: Job[] = [];
  private waitingBytes = 0;
  private working: Promise<void> | undefined;
  private upkeep: Promise<void> = Promise.resolve();
  private active: OpenFile | undefined;
  private live = 0;
  private isFull = false;
  private isDirty = false;
  private isClosed = false;
  private failure: unknown;
  private defined = new Set<Account>();

  private constructor(
    private readonly directory: string,
    private readonly settings: SpoolSettings,
    private readonly release: () => Promise<void>,
    private readonly cursorFile: CursorFile,
    private readonly settled: Settled,
    private readonly ledger: Ledger,
    private readonly segments: Segment[],
    private next: number,
    private readonly age: AgeLimit,
  ) {
    const { fileSystem: files } = settings;
    this.reader = new SpoolReader({ files, ledger, settled, segments }, () => {
      void this.inUpkeep(() => this.recount()).catch(() => {}); // counted when the spool is opened again
    });
    for (const { spooled } of ledger.accounts) this.live += spooled;
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
      const found = await recover(files, directory, opened.state);
      const age = new AgeLimit(settings.clock, settings.maximumAge);
      const { settled, ledger, segments, next } = found;
      spool = new Spool(directory, settings, release, cursor, settled, ledger, segments, next, age);
      const { damagedBytes: bytes } = opened;
      if (bytes > 0) settings.onDamage?.({ file: path, offset: 0, bytes, keptAs: path });
      for (const each of found.damage) settings.onDamage?.(each);
      await spool.resume();
      return spool;
    } catch (error) {
      await spool?.active?.close();
      await cursor?.close();
      await release();
      throw error;
    }
  }

  /** Goes on with the last segment, and removes those that are settled. */
  private async resume(): Promise<void> {
    const last = this.segments.at(-1);
    if (last !== undefined && !last.isDamaged && last.end < this.settings.segmentSize) {
      this.active = await this.settings.fileSystem.open(last.path, "existing");
    }
    this.isDirty = true;
    await this.checkpoint().catch(() => {}); // on a full or failing disk the old state counts
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
      let size = 0;
      for (const record of records) {
        assertFits(record, this.settings.segmentSize);
        size += mostBytes(record);
      }
      const account = this.accountOf(source);
      if (this.isClosed) throw new StoreError("STORE_FAILED", `disk store: the spool in ${this.directory} is closed`);
      if (this.waitingBytes > 0 && this.waitingBytes + size > MOST_WAITING) {
        throw this.full(`${this.waitingBytes + size} bytes would be waiting to be written`);
      }
      this.waitingBytes += size;
      return new Promise((resolve, reject) => {
        this.jobs.push({ account, records, size, resolve, reject });
        this.working ??= this.work();
      });
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
        this.inflight.set(record.sequence, record);
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
    const { settled, ledger } = this;
    try {
      for (const segment of [...this.segments]) {
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
    const record = this.inflight.get(sequence);
    if (record === undefined) return;
    this.inflight.delete(sequence);
    const account = this.ledger.byIdOf(record.source);
    if (account === undefined || this.settled.has(sequence)) return;
    this.settled.settle(sequence);
    this.isDirty = true;
    account.spooled--;
    this.live--;
    if (outcome === "out") account.out++;
    else this.ledger.drop(account, outcome, 1);
    const [oldest] = this.segments;
    if (oldest !== undefined && oldest.next <= this.settled.cursor && this.segments.length > 1) {
      void this.checkpoint().catch(() => {});
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
    else this.ledger.drop(account, outcome, count);
    this.isDirty = true;
  }

  /** Drops all records of a source, as "cleared". Returns how many there were. Resolves when that survives a power loss. */
  async clear(source: string): Promise<number> {
    const account = this.ledger.byIdOf(source);
    if (account === undefined) return 0;
    const count = account.spooled;
    for (const [sequence, record] of this.inflight) if (record.source === source) this.settle(sequence, "cleared");
    const rest = account.spooled;
    account.clearedTo = account.accepted;
    account.spooled = 0;
    this.live -= rest;
    if (rest > 0) this.ledger.drop(account, "cleared", rest);
    this.isDirty = true;
    this.tellRoom();
    await this.checkpoint();
    return count;
  }

  /**
   * Writes down what is settled, and removes segments of which everything is. What was settled since is read again after a crash. Call it once a
   * second; `close` calls it too. Resolves when it survives a power loss.
   *
   * @throws StoreError STORE_FAILED if the file system failed. Nothing is lost; call it again.
   */
  checkpoint(): Promise<void> {
    return this.inUpkeep(() => this.writeCursor());
  }

  /** Registers a listener for records that can be read. Returns a function that removes it. */
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

  /** The state of the spool. */
  get statistics(): SpoolStatistics {
    const [oldest] = this.inflight.values();
    const sources: Record<string, SpoolCounts> = {};
    for (const account of this.ledger.accounts) sources[account.id] = account.counts;
    return { bytes: this.bytes, records: this.live, oldestAcceptedAt: oldest?.acceptedAt || undefined, sources };
  }

  /** Waits until what was appended is written, writes down what is settled, and releases the directory. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    while (this.working !== undefined) await this.working;
    await this.checkpoint().catch(() => {}); // what was settled since the last one is read again
    await this.reader.close();
    await this.active?.close();
    await this.cursorFile.close();
    await this.release();
  }

  private accountOf(source: string): Account {
    const known = this.ledger.byIdOf(source);
    if (known !== undefined) return known;
    const size = Buffer.byteLength(source);
    if (size > 0 && size <= LONGEST_NAME) return this.ledger.open(source);
    const what = `source "${source.slice(0, LONGEST_NAME)}": must have 1 to ${LONGEST_NAME} bytes`;
    throw new UsageError("OPTION_INVALID", what, { option: "source" });
  }

  private get bytes(): number {
    return this.segments.reduce((sum, { end }) => sum + end, 0);
  }

  private full(why: string): StoreError {
    this.isFull = true;
    return new StoreError(
      "STORE_FULL",
      `disk store: the spool in ${this.directory} is full: ${why}; nothing was accepted`,
    );
  }

  private tellRoom(): void {
    if (
      !this.isFull ||
      this.live > this.settings.maximumRecords * ROOM ||
      this.bytes > this.settings.maximumBytes * ROOM
    )
      return;
    this.isFull = false;
    for (const listener of [...this.roomListeners]) listener();
  }

  /** Writes group after group. Never rejects. */
  private async work(): Promise<void> {
    const { sync } = this.settings;
    await (typeof sync === "number" ? new Promise((resolve) => setTimeout(resolve, sync)) : undefined); // what comes in one go belongs together
    while (this.jobs.length > 0) {
      const group = this.group();
      const { jobs } = group;
      try {
        if (this.failure !== undefined) throw this.failure;
        await this.commit(group);
        for (const { resolve } of jobs) resolve();
      } catch (error) {
        const failure = storeError(`write to the spool in ${this.directory}`, error);
        if (failure.code === "STORE_FULL") this.isFull = true;
        for (const { reject } of jobs) reject(failure);
      }
      for (const listener of [...this.recordListeners]) listener();
    }
    this.working = undefined;
  }

  /** The jobs that wait, as the bodies of frames. Takes no number for good. */
  private group(): Group {
    const acceptedAt = this.age.acceptedAt();
    const jobs: Job[] = [];
    const accepted = new Map<Account, number>();
    const bodies: Buffer[] = [];
    let size = 0;
    let body = new BodyWriter(this.next, acceptedAt, Math.min(FRAME_SIZE, this.waitingBytes + 256));
    for (const job of this.jobs) {
      if (size > 0 && size + job.size > GROUP_SIZE) break;
      jobs.push(job);
      size += job.size;
      const { account, records } = job;
      let own = accepted.get(account) ?? account.accepted;
      if (!this.defined.has(account) && !accepted.has(account)) body.definition(account.number, account.id, own);
      for (const record of records) {
        if (body.hasRecords && body.size + mostBytes(record) > FRAME_SIZE) {
          bodies.push(body.body);
          body = new BodyWriter(body.next, acceptedAt, FRAME_SIZE);
        }
        body.record(account.number, ++own, record);
      }
      accepted.set(account, own);
    }
    this.jobs = this.jobs.slice(jobs.length);
    this.waitingBytes -= size;
    bodies.push(body.body);
    return { jobs, bodies, next: body.next, acceptedAt };
  }

  private async commit(group: Group): Promise<void> {
    const { bodies, next, acceptedAt } = group;
    const size = Segment.sizeOf(bodies);
    await this.makeRoom(next - this.next, size);
    const segment = await this.segmentFor(size);
    const file = this.active;
    if (file === undefined) throw new Error("bug: no segment is open");
    try {
      await segment.write(file, bodies);
    } catch (error) {
      await this.cutBack(segment, file);
      throw error;
    }
    if (this.settings.sync !== "never") await this.sync(() => file.sync(), segment.path);
    segment.end += size;
    segment.next = next;
    segment.lastAcceptedAt = acceptedAt;
    this.live += next - this.next;
    this.next = next;
    for (const { account, records } of group.jobs) {
      account.in += records.length;
      account.accepted += records.length;
      account.spooled += records.length;
      this.defined.add(account);
    }
  }

  /** @throws StoreError STORE_FULL */
  private async makeRoom(records: number, size: number): Promise<void> {
    const { maximumBytes, maximumRecords, full } = this.settings;
    const overBytes = (): boolean => this.bytes + size > maximumBytes;
    const overRecords = (): boolean => this.live + records > maximumRecords;
    if (!overBytes() && !overRecords()) return;
    await this.checkpoint(); // may remove what is settled or too old
    while (full === "drop-oldest" && (overBytes() || overRecords()) && this.live > 0) {
      await this.begin();
      await this.inUpkeep(() => this.dropOldest("full"));
      await this.checkpoint();
    }
    if (overBytes())
      throw this.full(`its segments would have ${this.bytes + size} bytes, but maximumBytes is ${maximumBytes}`);
    if (overRecords())
      throw this.full(`it would have ${this.live + records} records, but maximumRecords is ${maximumRecords}`);
  }

  /** The segment that the next frames are added to. */
  private async segmentFor(size: number): Promise<Segment> {
    const last = this.segments.at(-1);
    if (last !== undefined && this.active !== undefined) {
      if (last.next === last.first || last.end + size <= this.settings.segmentSize) return last;
    }
    return this.begin();
  }

  /** Begins a segment. */
  private async begin(): Promise<Segment> {
    const last = this.segments.at(-1);
    if (last !== undefined && this.active !== undefined && last.next === last.first) return last;
    const definitions = new BodyWriter(this.next, this.age.acceptedAt());
    for (const { number, id, accepted } of this.ledger.accounts) definitions.definition(number, id, accepted);
    const { fileSystem } = this.settings;
    const number = (last?.number ?? 0) + 1;
    const { segment, file } = await Segment.create(fileSystem, this.directory, number, this.next, definitions.body);
    await this.sync(() => fileSystem.syncDirectory(this.directory), this.directory).catch(async (error: unknown) => {
      await file.close();
      throw error;
    });
    await this.active?.close();
    this.active = file;
    this.segments.push(segment);
    this.defined = new Set(this.ledger.accounts);
    return segment;
  }

  private async sync(run: () => Promise<void>, path: string): Promise<void> {
    try {
      await run();
    } catch (error) {
      // What the disk has now, nobody can say: the kernel forgets what it could not write.
      this.failure = storeError(`sync ${path}, and nothing more is written until the spool is opened again`, error);
      throw this.failure;
    }
  }

  /** Leaves nothing of a write that failed behind the good frames: a shorter one could bring its rest back to life. */
  private async cutBack(segment: Segment, file: OpenFile): Promise<void> {
    try {
      await file.truncate(segment.end);
    } catch (error) {
      this.failure = storeError(`cut ${segment.path} back to ${segment.end} bytes after a failed write`, error);
    }
  }

  private async writeCursor(): Promise<void> {
    await this.expire();
    if (this.isDirty) {
      this.isDirty = false;
      try {
        await this.cursorFile.write({ settled: this.settled, ledger: this.ledger });
      } catch (error) {
        this.isDirty = true;
        throw storeError(`write ${join(this.directory, "cursor")}`, error);
      }
    }
    await this.removeSettled();
  }

  /** Removes the segments that the cursor, which is synced, has passed. The last one stays: records are added to it. */
  private async removeSettled(): Promise<void> {
    for (;;) {
      const [segment] = this.segments;
      if (segment === undefined || this.segments.length < 2 || segment.next > this.settled.cursor) return;
      await this.remove(segment);
    }
  }

  private async remove(segment: Segment): Promise<void> {
    segment.isRemoved = true;
    this.segments.splice(this.segments.indexOf(segment), 1);
    await this.reader.leave(segment);
    await this.settings.fileSystem.remove(segment.path);
    this.tellRoom();
  }

  /** Drops segments whose last record is too old, also if nothing reads them. */
  private async expire(): Promise<void> {
    for (;;) {
      const segment = this.segments.find(({ next }) => next > this.settled.cursor);
      if (segment === undefined || segment === this.segments.at(-1)) return;
      if (!this.age.isExpired(segment.lastAcceptedAt)) return;
      await this.dropOldest("expired");
    }
  }

  /** Drops what is not settled of the oldest segment that has such records, unless it is the last one. */
  private async dropOldest(reason: string): Promise<void> {
    const at = this.segments.findIndex(({ next }) => next > this.settled.cursor);
    const [segment, after] = this.segments.slice(at);
    if (at < 0 || segment === undefined || after === undefined) return;
    await scan(this.settings.fileSystem, segment, {
      definition: () => {},
      record: (sequence, source, own) => {
        const account = this.ledger.byNumberOf(source);
        if (account === undefined || own <= account.clearedTo || this.settled.has(sequence)) return;
        this.inflight.delete(sequence);
        this.settled.settle(sequence);
        account.spooled--;
        this.live--;
        this.ledger.drop(account, reason, 1);
      },
    });
    this.isDirty = true;
    const isComplete = this.settled.cursor >= after.first;
    this.settled.settleBelow(after.first);
    if (!isComplete) await this.recount();
  }

  /** Counts the records again, after some could not be read. What is missing was damaged. */
  private async recount(): Promise<void> {
    const { settled, next } = this;
    const before = settled.snapshot();
    const inflight = new Set(this.inflight.keys());
    const missing = new Map<Account, number>();
    for (const account of this.ledger.accounts) missing.set(account, account.spooled);
    const found = (account: Account | undefined): void => {
      if (account !== undefined) missing.set(account, (missing.get(account) ?? 0) - 1);
    };
    for (const { source } of this.inflight.values()) found(this.ledger.byIdOf(source));
    for (const segment of [...this.segments]) {
      await scan(this.settings.fileSystem, segment, {
        definition: () => {},
        record: (sequence, source, own) => {
          if (sequence >= next || before(sequence) || inflight.has(sequence)) return;
          const account = this.ledger.byNumberOf(source);
          if (account !== undefined && own > account.clearedTo) found(account);
        },
      });
    }
    for (const [account, count] of missing) {
      const lost = Math.min(count, account.spooled);
      if (lost <= 0) continue;
      account.spooled -= lost;
      this.live -= lost;
      this.ledger.drop(account, "damaged", lost);
    }
    this.isDirty = true;
    this.tellRoom();
  }

  /** Runs what changes segments or the cursor's file, one after the other. */
  private inUpkeep(run: () => Promise<void>): Promise<void> {
    const done = this.upkeep.then(run);
    this.upkeep = done.catch(() => {});
    return done;
  }
}
