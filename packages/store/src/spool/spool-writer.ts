/** Adds records to the last segment, in groups that are synced together, and begins segments. Knows nothing of who reads them. */

import { StoreError } from "@aiko/mqtt";
import type { OpenFile } from "../file-system.js";
import { storeError } from "../store-error.js";
import type { AgeLimit } from "./age-limit.js";
import type { Account } from "./ledger.js";
import { Segment } from "./segment.js";
import type { SpoolSettings } from "./spool-options.js";
import { assertFits, BodyWriter, recordSize, type SpoolRecord } from "./spool-record.js";
import type { SpoolState } from "./spool-state.js";
import type { SpoolUpkeep } from "./spool-upkeep.js";

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

export class SpoolWriter {
  /** Whether records were refused because a bound was reached, or because the disk was full. */
  isFull = false;
  private jobs: Job[] = [];
  private waitingBytes = 0;
  private working: Promise<void> | undefined;
  private active: OpenFile | undefined;
  private failure: unknown;
  /** Sources that the last segment defines. */
  private defined = new Set<Account>();

  /** @param committed is called when records can be read */
  constructor(
    private readonly directory: string,
    private readonly settings: SpoolSettings,
    private readonly state: SpoolState,
    private readonly upkeep: SpoolUpkeep,
    private readonly age: AgeLimit,
    private readonly committed: () => void,
  ) {}

  /** Goes on with the last segment, if it is intact and has room. */
  async resume(): Promise<void> {
    const last = this.state.segments.at(-1);
    if (last === undefined || last.isDamaged || last.end >= this.settings.segmentSize) return;
    this.active = await this.settings.fileSystem.open(last.path, "existing");
  }

  /** Resolves when all records are accepted. If it rejects, none is. @throws StoreError STORE_FULL or STORE_FAILED */
  append(account: Account, records: readonly SpoolRecord[]): Promise<void> {
    let size = 0;
    for (const record of records) size += recordSize(record);
    if (this.waitingBytes > 0 && this.waitingBytes + size > MOST_WAITING) {
      return Promise.reject(this.full(`${this.waitingBytes + size} bytes would be waiting to be written`));
    }
    this.waitingBytes += size;
    return new Promise((resolve, reject) => {
      this.jobs.push({ account, records, size, resolve, reject });
      this.working ??= this.work();
    });
  }

  /** @throws StoreError STORE_FULL if no spool of this segment size can hold the record */
  assertFits(record: SpoolRecord): void {
    assertFits(record, this.settings.segmentSize);
  }

  /** Resolves when all that waits is written, or has failed. */
  async close(): Promise<void> {
    while (this.working !== undefined) await this.working;
    await this.active?.close();
  }

  /** Writes group after group. Never rejects. */
  private async work(): Promise<void> {
    const { sync } = this.settings;
    // What comes in one go belongs together.
    await (typeof sync === "number" ? new Promise((resolve) => setTimeout(resolve, sync)) : undefined);
    while (this.jobs.length > 0) {
      const group = this.group();
      const { jobs } = group;
      try {
        if (this.failure !== undefined) throw this.failure;
        await this.commit(group);
        for (const { resolve } of jobs) resolve();
        this.committed();
      } catch (error) {
        const failure = storeError(`write to the spool in ${this.directory}`, error);
        if (failure.code === "STORE_FULL") this.isFull = true;
        for (const { reject } of jobs) reject(failure);
      }
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
    let body = new BodyWriter(this.state.next, acceptedAt, Math.min(FRAME_SIZE, this.waitingBytes + 256));
    for (const job of this.jobs) {
      if (size > 0 && size + job.size > GROUP_SIZE) break;
      jobs.push(job);
      size += job.size;
      const { account, records } = job;
      let own = accepted.get(account) ?? account.accepted;
      if (!this.defined.has(account) && !accepted.has(account)) body.definition(account.number, account.id, own);
      for (const record of records) {
        if (body.hasRecords && body.size + recordSize(record) > FRAME_SIZE) {
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

  private async commit({ jobs, bodies, next, acceptedAt }: Group): Promise<void> {
    const { state } = this;
    const size = Segment.sizeOf(bodies);
    await this.makeRoom(next - state.next, size);
    const { segment, file } = await this.segmentFor(size);
    try {
      await segment.write(file, bodies);
    } catch (error) {
      await this.cutBack(segment, file);
      throw error;
    }
    await this.syncRecords(segment, file);
    const [body, ...others] = bodies;
    segment.fresh = body === undefined || others.length > 0 ? undefined : { position: segment.end, body };
    segment.end += size;
    segment.next = next;
    segment.lastAcceptedAt = acceptedAt;
    state.next = next;
    for (const { account, records } of jobs) {
      state.accept(account, records.length);
      this.defined.add(account);
    }
  }

  /** @throws StoreError STORE_FULL */
  private async makeRoom(records: number, size: number): Promise<void> {
    const { state } = this;
    const { maximumBytes, maximumRecords, full } = this.settings;
    const overBytes = (): boolean => state.bytes + size > maximumBytes;
    const overRecords = (): boolean => state.live + records > maximumRecords;
    if (!overBytes() && !overRecords()) return;
    await this.upkeep.checkpoint(); // may remove what is settled or too old
    while (full !== "reject" && (overBytes() || overRecords()) && state.live > 0) {
      await this.begin();
      const isDone = full === "latest-per-topic" && (await this.upkeep.dropReplaced().catch(() => false));
      if (!isDone) await this.upkeep.dropOldest("full");
      await this.upkeep.checkpoint();
    }
    if (overBytes()) {
      throw this.full(`its segments would have ${state.bytes + size} bytes, but maximumBytes is ${maximumBytes}`);
    }
    if (overRecords()) {
      throw this.full(`it would have ${state.live + records} records, but maximumRecords is ${maximumRecords}`);
    }
  }

  private full(why: string): StoreError {
    this.isFull = true;
    const what = `disk store: the spool in ${this.directory} is full: ${why}; nothing was accepted`;
    return new StoreError("STORE_FULL", what);
  }

  /** The segment that the next frames are added to. */
  private async segmentFor(size: number): Promise<{ segment: Segment; file: OpenFile }> {
    const segment = this.state.segments.at(-1);
    const file = this.active;
    if (segment === undefined || file === undefined) return this.begin();
    if (segment.isEmpty || segment.end + size <= this.settings.segmentSize) return { segment, file };
    return this.begin();
  }

  /** Begins a segment, unless the last one is empty. */
  private async begin(): Promise<{ segment: Segment; file: OpenFile }> {
    const { state, directory } = this;
    const { fileSystem } = this.settings;
    const last = state.segments.at(-1);
    if (last?.isEmpty && this.active !== undefined) return { segment: last, file: this.active };
    const definitions = new BodyWriter(state.next, this.age.acceptedAt());
    for (const { number, id, accepted } of state.ledger.accounts) definitions.definition(number, id, accepted);
    const number = (last?.number ?? 0) + 1;
    const { segment, file } = await Segment.create(fileSystem, directory, number, state.next, definitions.body);
    try {
      await this.sync(() => fileSystem.syncDirectory(directory), directory);
    } catch (error) {
      await file.close();
      throw error;
    }
    await this.active?.close();
    if (last !== undefined) last.fresh = undefined;
    this.active = file;
    state.segments.push(segment);
    this.defined = new Set(state.ledger.accounts);
    return { segment, file };
  }

  private async syncRecords(segment: Segment, file: OpenFile): Promise<void> {
    const { sync, clock, onSync } = this.settings;
    if (sync === "never") return;
    const began = clock.now();
    await this.sync(() => file.sync(), segment.path);
    onSync?.(clock.now() - began);
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

  /**
   * Leaves nothing of a write that failed behind the good frames: a shorter one could bring its rest back to life. Synced, because the next frames
   * may go to another segment: after a power loss, the rest would look like damage in this one.
   */
  private async cutBack(segment: Segment, file: OpenFile): Promise<void> {
    try {
      await file.truncate(segment.end);
      await file.sync();
    } catch (error) {
      this.failure = storeError(`cut ${segment.path} back to ${segment.end} bytes after a failed write`, error);
    }
  }
}
