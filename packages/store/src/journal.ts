/**
 * One session's file, open: adds what is written, in groups that are synced together; knows where each record's value stands;
 * writes the file anew when most of it is of no use any more. Two never have the same file: see the lock.
 *
 * What is promised rests on four rules. A frame is written behind everything that is good and synced before anyone is told. A
 * frame that failed is cut off again before the next; if even that fails, nothing more is written. A new file is complete and
 * synced before it takes the old one's name, and the name is synced before anything is added to it. What a file holds counts only
 * with its checksums right.
 */

import { type StoreChange, type StoreRecord, TransportError } from "@aiko/mqtt";
import { codeOf, type FileSystem, type OpenFile } from "./file-system.js";
import {
  eachChange,
  HEADER_SIZE,
  RECORD_SIZE,
  seedOf,
  walk,
  writeChanges,
  writeFrameHeader,
  writeHeader,
} from "./journal-format.js";
import { storeError } from "./store-error.js";

/** A part of a session's file that holds no intact records. */
export interface Damage {
  /** The session's file, in which the intact rest is now. */
  readonly file: string;
  /** Where in the damaged file it begins, and how long it is. */
  readonly offset: number;
  readonly bytes: number;
  /** The damaged file as it was found. */
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

/** Where a value stands. */
interface Place {
  position: number;
  readonly length: number;
}

type Task =
  | { readonly bytes: Buffer; readonly resolve: () => void; readonly reject: (error: unknown) => void }
  | { readonly run: () => Promise<void> };

/** What a record takes besides its value, in memory: its key and its place in the index. As in the memory store. */
const RECORD_OVERHEAD = 64;
/** The most bytes of one frame, if it is made of several writes, or of records that are copied. */
const FRAME_SIZE = 2 ** 20;
const KEPT_ASIDE = 10;

export class Journal {
  private readonly index = new Map<number, Place>();
  private readonly seed: number;
  private tasks: Task[] = [];
  private waitingBytes = 0;
  private working: Promise<void> | undefined;
  private compacting: Promise<void> | undefined;
  private closing = false;
  private failure: unknown;
  private valueBytes = 0;
  private end = 0;
  private compactAt = 0;

  private constructor(
    private readonly files: FileSystem,
    private readonly directory: string,
    private readonly path: string,
    name: string,
    private readonly bounds: JournalBounds,
    private file: OpenFile,
  ) {
    this.seed = seedOf(name);
  }

  static async open(
    files: FileSystem,
    directory: string,
    path: string,
    name: string,
    bounds: JournalBounds,
  ): Promise<Opened> {
    await files.remove(`${path}.new`);
    let file = await files.open(path, "existing");
    if (file === undefined) {
      file = await createFile(files, `${path}.new`, seedOf(name));
      await file.sync();
      await files.rename(`${path}.new`, path);
      await files.syncDirectory(directory);
    }
    const journal = new Journal(files, directory, path, name, bounds, file);
    try {
      return { journal, ...(await journal.load()) };
    } catch (error) {
      await journal.file.close();
      throw error;
    }
  }

  /** All of the changes or none. Resolves when they are on the disk. */
  write(changes: readonly StoreChange[]): Promise<void> {
    const bytes = writeChanges(changes);
    if (this.waitingBytes > 0 && this.waitingBytes + bytes.length > Math.max(this.bounds.maximumBytes, FRAME_SIZE)) {
      return Promise.reject(this.full(`${this.waitingBytes + bytes.length} bytes would wait to be written`));
    }
    this.waitingBytes += bytes.length;
    return new Promise((resolve, reject) => this.add({ bytes, resolve, reject }));
  }

  /** When all that was written is on the disk, or has failed. */
  async close(): Promise<void> {
    this.closing = true;
    await this.compacting;
    await this.working;
    await this.file.close();
    if (this.index.size === 0 && this.failure === undefined) await this.files.remove(this.path);
  }

  private add(task: Task): void {
    this.tasks.push(task);
    this.working ??= this.work();
  }

  /** Does one task after the other, writes in groups. Never rejects. */
  private async work(): Promise<void> {
    await undefined; // what is written in one go belongs together
    while (this.tasks.length > 0) {
      const [first] = this.tasks;
      if (first !== undefined && "run" in first) {
        this.tasks.shift();
        await first.run();
      } else {
        await this.commit();
      }
    }
    this.working = undefined;
  }

  /** The writes that wait, as one frame. */
  private async commit(): Promise<void> {
    const group: Extract<Task, { bytes: Buffer }>[] = [];
    let size = 0;
    for (const task of this.tasks) {
      if ("run" in task || (size > 0 && size + task.bytes.length > FRAME_SIZE)) break;
      // Near the bound each is weighed alone, when the index knows of all before it.
      if (this.bytes + this.mostGrowth(size + task.bytes.length) > this.bounds.maximumBytes && size > 0) break;
      group.push(task);
      size += task.bytes.length;
    }
    this.tasks = this.tasks.slice(group.length);
    this.waitingBytes -= size;
    try {
      if (this.failure !== undefined) throw this.failure;
      this.assertRoom(group.map(({ bytes }) => bytes));
      await this.append(group.map(({ bytes }) => bytes));
      for (const { resolve } of group) resolve();
    } catch (error) {
      const failure = storeError(`write to ${this.path}`, error);
      for (const { reject } of group) reject(failure);
    }
    this.compactIfWorthwhile();
  }

  private async append(parts: readonly Buffer[]): Promise<void> {
    const header = writeFrameHeader(parts, this.seed);
    try {
      await this.file.write([header, ...parts], this.end);
    } catch (error) {
      await this.cutBack();
      throw error;
    }
    try {
      await this.file.sync();
    } catch (error) {
      // What the disk has now, nobody can say: the kernel forgets what it could not write.
      this.failure = storeError(`sync ${this.path}, and nothing more is written until it is opened again`, error);
      throw this.failure;
    }
    let position = this.end + HEADER_SIZE;
    for (const part of parts) {
      this.apply(part, position);
      position += part.length;
    }
    this.end = position;
  }

  /** Leaves nothing of a write that failed behind the good frames: a shorter one could bring its rest back to life. */
  private async cutBack(): Promise<void> {
    try {
      await this.file.truncate(this.end);
    } catch (error) {
      this.failure = storeError(`cut ${this.path} back to ${this.end} bytes after a failed write`, error);
    }
  }

  private apply(changes: Buffer, position: number): void {
    eachChange(changes, (key, start, length) => {
      const before = this.index.get(key);
      if (before !== undefined) this.valueBytes -= before.length;
      if (length < 0) {
        this.index.delete(key);
      } else {
        this.index.set(key, { position: position + start, length });
        this.valueBytes += length;
      }
    });
  }

  /** What the records take. */
  private get bytes(): number {
    return this.valueBytes + this.index.size * RECORD_OVERHEAD;
  }

  /** A put takes 12 bytes of changes at least, and RECORD_OVERHEAD of the bound. */
  private mostGrowth(changesSize: number): number {
    return changesSize * Math.ceil(RECORD_OVERHEAD / RECORD_SIZE);
  }

  /** @throws TransportError STORE_FULL */
  private assertRoom(parts: readonly Buffer[]): void {
    const size = parts.reduce((sum, { length }) => sum + length, 0);
    if (this.bytes + this.mostGrowth(size) <= this.bounds.maximumBytes) return;
    const after = new Map<number, number>();
    let growth = 0;
    for (const part of parts) {
      eachChange(part, (key, _, length) => {
        const before = after.get(key) ?? sizeOf(this.index.get(key)?.length ?? -1);
        growth += sizeOf(length) - before;
        after.set(key, sizeOf(length));
      });
    }
    if (growth > 0 && this.bytes + growth > this.bounds.maximumBytes) {
      throw this.full(`its records would take ${this.bytes + growth} bytes`);
    }
  }

  private full(why: string): TransportError {
    return new TransportError(
      "STORE_FULL",
      `disk store ${this.path}: ${why}, its maximumBytes is ${this.bounds.maximumBytes}: nothing was written`,
    );
  }

  /** Reads the file, and mends it. */
  private async load(): Promise<{ records: StoreRecord[]; damage: Damage[] }> {
    const values = new Map<number, Uint8Array>();
    const damaged: { offset: number; bytes: number }[] = [];
    const size = await this.file.size();
    this.end = await walk(this.file, size, this.seed, {
      frame: (body, position) => {
        this.apply(body, position);
        eachChange(body, (key, start, length) => {
          if (length < 0) values.delete(key);
          else values.set(key, new Uint8Array(body.subarray(start, start + length)));
        });
      },
      damaged: (offset, bytes) => damaged.push({ offset, bytes }),
    });
    let damage: Damage[] = [];
    if (damaged.length > 0) {
      const keptAs = await this.keepAside();
      damage = damaged.map((each) => ({ file: this.path, ...each, keptAs }));
      await this.rewrite((finish) => finish(), "skip damage");
      if (this.failure !== undefined) throw this.failure;
    } else {
      if (this.end < size) await this.file.truncate(this.end);
      await this.file.sync(); // a process that was killed may have written without syncing
    }
    const records = [...values].map(([key, value]) => ({ key, value }));
    return { records: records.sort((a, b) => a.key - b.key), damage };
  }

  /** Gives the file, as it is, a name that it keeps. */
  private async keepAside(): Promise<string> {
    for (let n = 1; ; n++) {
      const name = `${this.path}.damaged-${n}`;
      if (n === KEPT_ASIDE) await this.files.remove(name); // a disk that goes on losing bits must not fill up with them
      try {
        await this.files.link(this.path, name);
        return name;
      } catch (error) {
        if (codeOf(error) !== "EEXIST") throw error;
      }
    }
  }

  private compactIfWorthwhile(): void {
    const used = this.valueBytes + this.index.size * RECORD_SIZE;
    if (this.end - used < Math.max(this.bounds.toleratedWaste, used) || this.end < this.compactAt) return;
    if (this.compacting !== undefined || this.closing || this.failure !== undefined) return;
    const exclusively = (finish: () => Promise<void>): Promise<void> =>
      new Promise((resolve, reject) => this.add({ run: () => finish().then(resolve, reject) }));
    this.compacting = this.rewrite(exclusively, "fail at damage")
      .catch((error: unknown) => {
        // Nothing is lost: the file stays as it is. Not again at once: the disk may be full.
        this.compactAt = this.end * 1.5;
        if (error instanceof TransportError && error.code === "STORE_CORRUPT") this.failure = error;
      })
      .finally(() => {
        this.compacting = undefined;
      });
  }

  /**
   * Copies the records to a new file and puts it in the place of the old one. What is written meanwhile goes to the old one and
   * is copied last, by `finish`, which must run while nothing is written.
   */
  private async rewrite(
    exclusively: (finish: () => Promise<void>) => Promise<void>,
    policy: "skip damage" | "fail at damage",
  ): Promise<void> {
    const newPath = `${this.path}.new`;
    const file = await createFile(this.files, newPath, this.seed);
    let inPlace = false;
    try {
      const copiedTo = this.end;
      const copy = new Copy(file, this.seed);
      if (this.index.size > 0) await this.copyRecords(copiedTo, copy, policy);
      await copy.flush();
      const shift = copy.end - copiedTo;
      let copied = await copyBytes(this.file, copiedTo, this.end, file, shift);
      await file.sync(); // most of it, while others may write
      await exclusively(async () => {
        if (this.failure !== undefined) throw this.failure;
        copied = await copyBytes(this.file, copied, this.end, file, shift);
        await file.sync();
        const places = [...this.index].map(([key, { position }]) =>
          position >= copiedTo ? position + shift : copy.positionOf(key),
        );
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
        this.end += shift;
        let i = 0;
        for (const place of this.index.values()) place.position = places[i++] ?? 0;
        await old.close();
      });
    } finally {
      if (!inPlace) {
        await file.close();
        await this.files.remove(newPath).catch(() => {});
      }
    }
  }

  private async copyRecords(end: number, copy: Copy, policy: "skip damage" | "fail at damage"): Promise<void> {
    const intactEnd = await walk(this.file, end, this.seed, {
      frame: async (body, position) => {
        if (this.closing) throw new Error("the store closes");
        eachChange(body, (key, start, length) => {
          if (length < 0 || this.index.get(key)?.position !== position + start) return;
          copy.add(key, body.subarray(start, start + length));
        });
        if (copy.size >= FRAME_SIZE) await copy.flush();
      },
      damaged: (offset, bytes) => {
        if (policy === "fail at damage") throw this.corrupt(offset, bytes);
      },
    });
    if (intactEnd < end && policy === "fail at damage") throw this.corrupt(intactEnd, end - intactEnd);
  }

  private corrupt(offset: number, bytes: number): TransportError {
    return new TransportError(
      "STORE_CORRUPT",
      `disk store ${this.path}: ${bytes} bytes at ${offset} were damaged since they were written; ` +
        "nothing more is written until it is opened again",
    );
  }
}

/** Records on their way to a new file. */
class Copy {
  end = HEADER_SIZE;
  size = 0;
  private parts: Buffer[] = [];
  private readonly positions = new Map<number, number>();

  constructor(
    private readonly file: OpenFile,
    private readonly seed: number,
  ) {}

  add(key: number, value: Uint8Array): void {
    const part = writeChanges([{ key, value }]);
    this.positions.set(key, this.end + HEADER_SIZE + this.size + RECORD_SIZE);
    this.parts.push(part);
    this.size += part.length;
  }

  async flush(): Promise<void> {
    if (this.size === 0) return;
    await this.file.write([writeFrameHeader(this.parts, this.seed), ...this.parts], this.end);
    this.end += HEADER_SIZE + this.size;
    this.size = 0;
    this.parts = [];
  }

  positionOf(key: number): number {
    const position = this.positions.get(key);
    if (position === undefined) throw new Error(`bug: the record ${key} was not copied`);
    return position;
  }
}

async function createFile(files: FileSystem, path: string, seed: number): Promise<OpenFile> {
  const file = await files.open(path, "empty");
  if (file === undefined) throw new Error(`bug: ${path} was not made`);
  try {
    await file.write([writeHeader(seed)], 0);
    return file;
  } catch (error) {
    await file.close();
    await files.remove(path).catch(() => {});
    throw error;
  }
}

/** Copies what stands from `from` to `to`, moved by `shift`. */
async function copyBytes(source: OpenFile, from: number, to: number, target: OpenFile, shift: number): Promise<number> {
  const buffer = Buffer.allocUnsafe(Math.min(FRAME_SIZE, to - from));
  for (let at = from; at < to; at += buffer.length) {
    const part = buffer.subarray(0, Math.min(buffer.length, to - at));
    if ((await source.read(part, at)) < part.length) throw new Error(`the file ends before ${to}`);
    await target.write([part], at + shift);
  }
  return to;
}

function sizeOf(length: number): number {
  return length < 0 ? 0 : length + RECORD_OVERHEAD;
}
