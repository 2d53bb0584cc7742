/** Sessions kept on disk: they survive clients, processes and power losses. A session has one owner at a time. */

import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { type OpenedSession, type Store, StoreError, type StoreRecord, type TakeRecord, UsageError } from "@aiko/mqtt";
import { DiskSession } from "./disk-session.js";
import { type DiskStoreOptions, type DiskStoreSettings, parseDiskStoreOptions } from "./disk-store-options.js";
import { codeOf } from "./file-system.js";
import { type Damage, Journal } from "./journal.js";
import { readContent, readRecords } from "./journal-content.js";
import { storeError } from "./store-error.js";

/**
 * Keeps sessions in a directory of a local disk, which is created if it does not exist. Sessions survive clients,
 * processes and power losses. Any number of sessions may be open at the same time. A session has one owner at a time.
 *
 * An open session uses two file descriptors, for its file and its lock, and 1.5 KB of memory. Each record takes 32
 * to 64 bytes more, up to 192 after most were removed; its value stays on the disk. Opening lists the directory, so it takes longer the more sessions there
 * are. A closed session uses only its file.
 *
 * A session stops growing, with STORE_FULL, before the disk is full. Room for 1.5 times its records and 256 KiB is left, so
 * that the file can be rewritten, and records can be removed.
 *
 * @example
 * const store = new DiskStore("/var/lib/kitchen");
 * const client = await connect("mqtt://localhost:1883", { clientId: "kitchen", store });
 */
export class DiskStore implements Store {
  private readonly directory: string;
  private readonly settings: DiskStoreSettings;

  /**
   * @param directory the path of the directory
   * @throws UsageError OPTION_UNKNOWN or OPTION_INVALID
   */
  constructor(directory: string, options: DiskStoreOptions = {}) {
    if (typeof directory !== "string" || directory === "" || directory.includes("\0")) {
      const what = `directory ${JSON.stringify(directory)}: must be the path of a directory`;
      throw new UsageError("OPTION_INVALID", what, { option: "directory" });
    }
    this.directory = resolve(directory);
    this.settings = parseDiskStoreOptions(options);
  }

  /**
   * Opens a session and becomes its owner.
   *
   * @param take receives the records one by one, in the order in which they were written. Then the opened session's
   * `records` is empty, and no more than one mebibyte of values is in memory, or the largest write
   * @throws StoreError STORE_LOCKED if the session has another owner; STORE_CORRUPT if the file is damaged and
   * `onDamage` is not set; STORE_FULL or STORE_FAILED if the file system fails
   */
  async open(name: string, take?: TakeRecord): Promise<OpenedSession> {
    const what = `the session "${name}" in ${this.directory}`;
    try {
      return await this.acquire(name, what, take);
    } catch (error) {
      throw storeError(`open ${what}`, error);
    }
  }

  /**
   * Reads the records of a session without opening it: as they are on the disk at this moment, also while their owner,
   * in any process, writes. What the owner has not synced may be missing, and a last write is there as a whole or not at
   * all. Damaged records are missing; nothing is repaired.
   *
   * @returns the records in ascending order of the keys; undefined if there is no such session
   * @throws StoreError STORE_FAILED if the file system fails
   * @example const records = (await new DiskStore("/var/lib/kitchen").read("kitchen"))?.length ?? 0;
   */
  async read(name: string): Promise<readonly StoreRecord[] | undefined> {
    const { fileSystem } = this.settings;
    const what = `the session "${name}" in ${this.directory}`;
    try {
      const file = await fileSystem.open(join(this.directory, fileName(name, idOf(name))), "existing");
      if (file === undefined) return undefined;
      try {
        const { index, framing, end } = await readContent(file, await file.size(), name);
        const records: StoreRecord[] = [];
        const keep: TakeRecord = (key, value) => records.push({ key, value: new Uint8Array(value) });
        if (framing !== undefined) await readRecords(file, end, framing, index, keep);
        return records.sort((a, b) => a.key - b.key);
      } finally {
        await file.close();
      }
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw storeError(`read ${what}`, error);
    }
  }

  private async acquire(name: string, what: string, take: TakeRecord | undefined): Promise<OpenedSession> {
    const { fileSystem } = this.settings;
    const id = idOf(name);
    await fileSystem.makeDirectory(this.directory);
    const release = await fileSystem.lock(this.directory, id.slice(0, 16));
    if (release === undefined) {
      throw new StoreError(
        "STORE_LOCKED",
        `disk store: ${what} is already open in this or another process; close it there, or use another clientId`,
      );
    }
    try {
      const path = join(this.directory, fileName(name, id));
      const { directory, settings } = this;
      const { journal, records, damage } = await Journal.open(fileSystem, directory, path, name, settings, take);
      try {
        this.report(damage, journal.size);
      } catch (error) {
        await journal.close();
        throw error;
      }
      return { records, session: new DiskSession(journal, release, what) };
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** @throws StoreError STORE_CORRUPT */
  private report(damage: readonly Damage[], intact: number): void {
    const { onDamage } = this.settings;
    const [first] = damage;
    if (first === undefined) return;
    if (onDamage === undefined) {
      throw new StoreError(
        "STORE_CORRUPT",
        `disk store ${first.file}: ${first.bytes} bytes at ${first.offset} were damaged` +
          (damage.length > 1 ? `, and ${damage.length - 1} other places` : "") +
          `; the file was kept as ${first.keptAs}; open the store again to continue with the ${intact} intact records`,
      );
    }
    for (const each of damage) onDamage(each);
  }
}

function idOf(name: string): string {
  return createHash("sha256").update(Buffer.from(name, "utf16le")).digest("hex");
}

/**
 * Returns a file name that resembles the session's name as far as that is safe on every system. It differs for every
 * name, also where "A" and "a" are the same.
 */
function fileName(name: string, id: string): string {
  const legible = name
    .slice(0, 32)
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, "_");
  return `${legible}-${id.slice(0, 32)}.journal`;
}
