/**
 * One open session file. Appends writes, in groups that are synced together. Knows the position of each record's value.
 * Rewrites the file when most of it is obsolete. The lock ensures that only one owner has the file open.
 *
 * Four rules ensure durability. A frame is written after all intact frames, and synced before its write is reported. A
 * frame whose write failed is cut off before the next one; if that fails, nothing more is written. A new file is
 * complete and synced before it gets the old one's name, and the name is synced before anything is appended. Data
 * counts only if its checksums are correct.
 */

import { type StoreChange, StoreError, type StoreRecord, type TakeRecord } from "@aiko/mqtt";
import { Queue } from "@aiko/mqtt/session";
import { codeOf, type FileSystem, type OpenFile } from "./file-system.js";
import { writeFrameHeader } from "./frames.js";
import { FRAME_HEADER_SIZE, type Framing, newFraming } from "./framing.js";
import { FreeSpace } from "./free-space.js";
import { readContent, readRecords } from "./journal-content.js";
import { copyBytes, createFile, JournalCopy } from "./journal-copy.js";
import { FRAME_SIZE, writeChanges } from "./journal-format.js";
import { mostGrowth, RecordIndex } from "./record-index.js";
import { readValues } from "./record-values.js";
import { storeError } from "./store-error.js";

/** A damaged region of a session's file, which contains no intact records. */
export interface Damage {
  /** The path of the session's file, which has the recovered records now. */
  readonly file: string;
  /** Where the region begins in the damaged file, in bytes. */
  readonly offset: number;
  /** The length of the region in bytes. */
  readonly bytes: number;
  /** The path of the damaged file, which is kept as it was found. */
  readonly keptAs: string;
}

export interface Opened {
  readonly journal: Journal;
  readonly records: readonly StoreRecord[];
  readonly damage: readonly Damage[];
}

export interface JournalBounds {
  readonly maximumBytes: number;
  readonly toleratedWaste: number;
}

type Task =
  | { readonly bytes: Buffer; readonly resolve: () => void; readonly reject: (error: unknown) => void }
  | { readonly run: () => Promise<void> };

/** The bytes of removed records for which a file is rewritten if the file system is nearly full. */
const LEAST_WASTE = 65_536;
/** How many damaged files of a session are kept. */
const KEPT_ASIDE = 10;

export class Journal {
  private index = new RecordIndex();
  private tasks: Task[] = [];
  private readonly reads = new Queue<() => Promise<void>>();
  private waitingBytes = 0;
  private working: Promise<void> | undefined;
  private compacting: Promise<void> | undefined;
  private closing = false;
  private failure: unknown;
  private end = 0;
  private compactAt = 0;
  private readonly space: FreeSpace;

  private constructor(
    private readonly files: FileSystem,
    private readonly directory: string,
    private readonly path: string,
    private readonly bounds: JournalBounds,
    private file: OpenFile,
    private framing: Framing,
  ) {
    this.space = new FreeSpace(files, directory);
  }

  static async open(
    files: FileSystem,
    directory: string,
    path: string,
    name: string,
    bounds: JournalBounds,
    take?: TakeRecord,
  ): Promise<Opened> {
    await files.remove(`${path}.new`);
    const existing = await files.open(path, "existing");
    const framing = newFraming(name);
    const file = existing ?? (await createFile(files, `${path}.new`, framing));
    const journal = new Journal(files, directory, path, bounds, file, framing);
    try {
      if (existing === undefined) await journal.putInPlace();
      // A killed process may have renamed the file without syncing the directory.
      else await files.syncDirectory(directory);
      return { journal, ...(await journal.load(name, take)) };
    } catch (error) {
      await journal.file.close();
      throw error;
    }
  }

  /** The number of records. */
  get size(): number {
    return this.index.size;
  }

  /** Writes all of the changes, or none. Resolves when they are on the disk. */
  write(changes: readonly StoreChange[]): Promise<void> {
    const bytes = writeChanges(changes);
    if (this.waitingBytes > 0 && this.waitingBytes + bytes.length > Math.max(this.bounds.maximumBytes, FRAME_SIZE)) {
      return Promise.reject(this.full(`${this.waitingBytes + bytes.length} bytes would be waiting to be written`));
    }
    this.waitingBytes += bytes.length;
    return new Promise((resolve, reject) => this.add({ bytes, resolve, reject }));
  }

  /**
   * Reads records, as the writes that are reported have left them. Resolves to their values; undefined for a record that
   * does not exist, or whose bytes have changed since they were written.
   */
  read(keys: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    return new Promise((resolve, reject) => {
      this.reads.push(() => readValues(this.file, this.index, keys).then(resolve, reject));
      this.working ??= this.work();
    });
  }

  /** Resolves when everything that was written is on the disk, or has failed. */
  async close(): Promise<void> {
    this.closing = true;
    await this.compacting;
    await this.working;
    await this.file.close();
    if (this.index.size === 0 && this.failure === undefined) await this.files.remove(this.path);
  }

  /** Runs a task while nothing is written, and the file is not replaced. */
  private exclusively<Result>(run: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => this.add({ run: () => run().then(resolve, reject) }));
  }

  private add(task: Task): void {
    this.tasks.push(task);
    this.working ??= this.work();
  }

  /** Runs the tasks one after the other, writes in groups, and a read after each. Never rejects. */
  private async work(): Promise<void> {
    await undefined; // writes of the same tick are grouped
    while (this.tasks.length > 0 || this.reads.length > 0) {
      const [first] = this.tasks;
      if (first !== undefined && "run" in first) {
        this.tasks.shift();
        await first.run();
      } else if (first !== undefined) {
        await this.commit();
      }
      await this.reads.shift()?.(); // a write waits for one read at most
    }
    this.working = undefined;
  }

  /** Writes the waiting changes as one frame. */
  private async commit(): Promise<void> {
    const group: Extract<Task, { bytes: Buffer }>[] = [];
    let size = 0;
    for (const task of this.tasks) {
      if ("run" in task || (size > 0 && size + task.bytes.length > FRAME_SIZE)) break;
      // Near the limit, each write is checked separately, when the index contains all changes before it.
      const isNearLimit = this.index.bytes + mostGrowth(size + task.bytes.length) > this.bounds.maximumBytes;
      if ((isNearLimit || this.space.isLow) && size > 0) break;
      group.push(task);
      size += task.bytes.length;
    }
    this.tasks = this.tasks.slice(group.length);
    this.waitingBytes -= size;
    try {
      if (this.failure !== undefined) throw this.failure;
      const parts = group.map(({ bytes }) => bytes);
      this.assertRoom(parts);
      await this.assertSpace(parts, size);
      await this.append(parts);
      this.space.wrote(size);
      for (const { resolve } of group) resolve();
    } catch (error) {
      const failure = storeError(`write to ${this.path}`, error);
      for (const { reject } of group) reject(failure);
    }
    this.compactIfWorthwhile();
  }

  private async append(parts: readonly Buffer[]): Promise<void> {
    const header = writeFrameHeader(parts, this.framing);
    try {
      await this.file.write([header, ...parts], this.end);
    } catch (error) {
      await this.cutBack();
      throw error;
    }
    try {
      await this.file.sync();
    } catch (error) {
      // The content of the disk is now unknown: the kernel discards data that it could not write.
      this.failure = storeError(`sync ${this.path}, and nothing more is written until it is opened again`, error);
      throw this.failure;
    }
    let position = this.end + FRAME_HEADER_SIZE;
    for (const part of parts) {
      this.index.apply(part, position);
      position += part.length;
    }
    this.end = position;
  }

  /** Removes the rest of a failed write after the intact frames: a shorter write could make its remainder valid. */
  private async cutBack(): Promise<void> {
    try {
      await this.file.truncate(this.end);
    } catch (error) {
      this.failure = storeError(`cut ${this.path} back to ${this.end} bytes after a failed write`, error);
    }
  }

  /** @throws StoreError STORE_FULL */
  private assertRoom(parts: readonly Buffer[]): void {
    const size = parts.reduce((sum, { length }) => sum + length, 0);
    if (this.index.bytes + mostGrowth(size) <= this.bounds.maximumBytes) return;
    const growth = this.index.growth(parts);
    const after = this.index.bytes + growth;
    if (growth > 0 && after > this.bounds.maximumBytes) throw this.full(`its records would take ${after} bytes`);
  }

  /** @throws StoreError STORE_FULL */
  private async assertSpace(parts: readonly Buffer[], size: number): Promise<void> {
    await this.space.prepare(size, this.index.bytesInFile);
    if (!this.space.isLow || this.index.growth(parts) <= 0) return;
    throw new StoreError("STORE_FULL", `disk store ${this.path}: ${this.space.description}; nothing was written`);
  }

  private full(why: string): StoreError {
    return new StoreError(
      "STORE_FULL",
      `disk store ${this.path}: ${why}, but maximumBytes is ${this.bounds.maximumBytes}; nothing was written`,
    );
  }

  /** Renames a new file to its final name. */
  private async putInPlace(): Promise<void> {
    await this.file.sync();
    await this.files.rename(`${this.path}.new`, this.path);
    await this.files.syncDirectory(this.directory);
  }

  /** Reads the file and repairs it. Rewrites it if an earlier version of this package wrote it. */
  private async load(
    name: string,
    take: TakeRecord | undefined,
  ): Promise<{ records: readonly StoreRecord[]; damage: Damage[] }> {
    const size = await this.file.size();
    const fresh = this.framing;
    const { index, damaged, framing = fresh, end } = await readContent(this.file, size, name);
    this.index = index;
    this.framing = framing;
    this.end = end;
    let damage: Damage[] = [];
    const alone = (finish: () => Promise<void>): Promise<void> => finish();
    if (damaged.length > 0) {
      const keptAs = await this.keepAside();
      damage = damaged.map((each) => ({ file: this.path, ...each, keptAs }));
      await this.rewrite(alone, "skip damage", fresh);
    } else {
      if (this.end < size) await this.file.truncate(this.end);
      await this.file.sync(); // a killed process may have written without syncing
      // If the rewrite fails, as on a full disk, the old file is still complete.
      if (!this.framing.isUnforgeable) await this.rewrite(alone, "fail at damage", fresh).catch(() => undefined);
    }
    if (this.failure !== undefined) throw this.failure;
    return { records: await this.records(take), damage };
  }

  /** Resolves to the records in ascending order of the keys; to none if `take` has received them. */
  private async records(take: TakeRecord | undefined): Promise<readonly StoreRecord[]> {
    const records: StoreRecord[] = [];
    const keep: TakeRecord = (key, value) => records.push({ key, value: new Uint8Array(value) });
    const changed = await readRecords(this.file, this.end, this.framing, this.index, take ?? keep);
    if (changed !== undefined) throw this.corrupt(changed.offset, changed.bytes);
    return records.sort((a, b) => a.key - b.key);
  }

  /** Gives the damaged file another name, under which it is kept. */
  private async keepAside(): Promise<string> {
    for (let n = 1; ; n++) {
      const name = `${this.path}.damaged-${n}`;
      if (n === KEPT_ASIDE) await this.files.remove(name); // a disk that keeps losing bits must not fill up with them
      try {
        await this.files.link(this.path, name);
        return name;
      } catch (error) {
        if (codeOf(error) !== "EEXIST") throw error;
      }
    }
  }

  private compactIfWorthwhile(): void {
    const used = this.index.bytesInFile;
    const waste = this.end - this.framing.header.length - used;
    if (this.space.isLow) {
      if (waste < Math.max(LEAST_WASTE, used / 2) || !this.space.hasRoomFor(used)) return;
    } else if (waste < Math.max(this.bounds.toleratedWaste, used) || this.end < this.compactAt) return;
    if (this.compacting !== undefined || this.closing || this.failure !== undefined) return;
    const exclusively = (finish: () => Promise<void>): Promise<void> => this.exclusively(finish);
    this.compacting = this.rewrite(exclusively, "fail at damage", this.framing)
      .catch((error: unknown) => {
        // The file is unchanged and nothing is lost. The next attempt comes later: the disk may be full.
        this.compactAt = this.end * 1.5;
        if (error instanceof StoreError && error.code === "STORE_CORRUPT") this.failure = error;
      })
      .finally(() => {
        this.compacting = undefined;
      });
  }

  /**
   * Copies the records to a new file and replaces the old one. Meanwhile, writes go to the old file. `finish` copies
   * these last, and must run while nothing is written.
   *
   * @param framing the framing of the new file; the same as the old one's if something may be written meanwhile
   */
  private async rewrite(
    exclusively: (finish: () => Promise<void>) => Promise<void>,
    policy: "skip damage" | "fail at damage",
    framing: Framing,
  ): Promise<void> {
    const newPath = `${this.path}.new`;
    const file = await createFile(this.files, newPath, framing);
    let inPlace = false;
    try {
      const copiedTo = this.end;
      const copy = new JournalCopy(file, framing);
      if (this.index.size > 0) await this.copyRecords(copiedTo, copy, policy);
      await copy.flush();
      const shift = copy.end - copiedTo;
      let copied = await copyBytes(this.file, copiedTo, this.end, file, shift);
      await file.sync(); // syncs most of it while writes continue
      await exclusively(async () => {
        if (this.failure !== undefined) throw this.failure;
        copied = await copyBytes(this.file, copied, this.end, file, shift);
        await file.sync();
        await this.files.rename(newPath, this.path);
        inPlace = true;
        try {
          await this.files.syncDirectory(this.directory);
        } catch (error) {
          this.failure = storeError(
            `sync ${this.directory}, and nothing more is written until it is opened again`,
            error,
          );
        }
        const old = this.file;
        this.file = file;
        this.framing = framing;
        this.end += shift;
        this.index.relocate((key, position) => (position >= copiedTo ? position + shift : copy.positionOf(key)));
        await old.close();
      });
    } finally {
      if (!inPlace) {
        await file.close();
        await this.files.remove(newPath).catch(() => {});
      }
    }
  }

  private async copyRecords(end: number, copy: JournalCopy, policy: "skip damage" | "fail at damage"): Promise<void> {
    const afterFrame = (): Promise<void> | undefined => {
      if (this.closing) throw new Error("the store closes");
      return copy.isFull ? copy.flush() : undefined;
    };
    const copyRecord = copy.add.bind(copy);
    const damage = await readRecords(this.file, end, this.framing, this.index, copyRecord, afterFrame);
    if (damage !== undefined && policy === "fail at damage") throw this.corrupt(damage.offset, damage.bytes);
  }

  private corrupt(offset: number, bytes: number): StoreError {
    return new StoreError(
      "STORE_CORRUPT",
      `disk store ${this.path}: ${bytes} bytes at ${offset} were damaged since they were written; ` +
        "nothing more is written until it is opened again",
    );
  }
}
