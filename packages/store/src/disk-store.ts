/** Sessions kept on disk: they outlive clients, processes and power losses. One owner at a time has a session. */

import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { type Store, type StoreChange, StoreError, type StoreRecord, UsageError } from "@aiko/mqtt";
import { type DiskStoreOptions, type DiskStoreSettings, parseDiskStoreOptions } from "./disk-store-options.js";
import { type Damage, Journal, type Opened } from "./journal.js";
import { storeError } from "./store-error.js";

type State =
  | { at: "closed" }
  | { at: "opening"; name: string; done: Promise<unknown> }
  | { at: "open"; name: string; journal: Journal; release: () => Promise<void> }
  | { at: "closing"; name: string; done: Promise<void> };

/**
 * A store in a directory of a local disk, which is made if it is not there. It may hold many sessions, of different owners; each
 * client gets a DiskStore of its own.
 *
 * @example
 * const store = new DiskStore("/var/lib/kitchen");
 * const client = await connect("mqtt://localhost:1883", { clientId: "kitchen", store });
 */
export class DiskStore implements Store {
  private readonly directory: string;
  private readonly settings: DiskStoreSettings;
  private state: State = { at: "closed" };

  /** @throws UsageError OPTION_UNKNOWN or OPTION_INVALID */
  constructor(directory: string, options: DiskStoreOptions = {}) {
    if (typeof directory !== "string" || directory === "" || directory.includes("\0")) {
      const what = `directory ${JSON.stringify(directory)}: must be the path of a directory`;
      throw new UsageError("OPTION_INVALID", what, { option: "directory" });
    }
    this.directory = resolve(directory);
    this.settings = parseDiskStoreOptions(options);
  }

  /**
   * @throws StoreError STORE_LOCKED if another owner has the session, STORE_CORRUPT if the file was damaged and there is no
   * `onDamage`, STORE_FULL or STORE_FAILED if the file system says no
   */
  async open(name: string): Promise<readonly StoreRecord[]> {
    if (this.state.at === "closing") await this.state.done.catch(() => {});
    if (this.state.at !== "closed") {
      throw new StoreError(
        "STORE_LOCKED",
        `disk store: cannot open the session "${name}" while "${this.state.name}" is open, one client at a time owns a store`,
      );
    }
    const done = this.take(name);
    this.state = { at: "opening", name, done };
    try {
      const { journal, records, release } = await done;
      this.state = { at: "open", name, journal, release };
      return records;
    } catch (error) {
      this.state = { at: "closed" };
      throw storeError(`open the session "${name}" in ${this.directory}`, error);
    }
  }

  /** @throws StoreError STORE_FULL, STORE_FAILED or STORE_CORRUPT, with nothing of `changes` written */
  async write(changes: readonly StoreChange[]): Promise<void> {
    if (this.state.at !== "open") {
      throw new UsageError("OPTION_INVALID", "disk store: write needs a session that is open, and none is");
    }
    for (const { key } of changes) {
      if (!Number.isSafeInteger(key) || key < 0) {
        throw new UsageError("OPTION_INVALID", `key ${key}: must be an integer from 0 to 2^53 - 1`);
      }
    }
    if (changes.length > 0) await this.state.journal.write(changes);
  }

  /** When all that was written is on the disk. */
  async close(): Promise<void> {
    if (this.state.at === "opening") await this.state.done.catch(() => {});
    if (this.state.at === "closing") return this.state.done;
    if (this.state.at !== "open") return;
    const { name, journal, release } = this.state;
    const done = this.giveUp(journal, release);
    this.state = { at: "closing", name, done };
    try {
      await done;
    } catch (error) {
      throw storeError(`close the session "${name}" in ${this.directory}`, error);
    } finally {
      this.state = { at: "closed" };
    }
  }

  private async take(name: string): Promise<Opened & { release: () => Promise<void> }> {
    const { fileSystem } = this.settings;
    const id = createHash("sha256").update(Buffer.from(name, "utf16le")).digest("hex");
    await fileSystem.makeDirectory(this.directory);
    const release = await fileSystem.lock(this.directory, id.slice(0, 16));
    if (release === undefined) {
      throw new StoreError(
        "STORE_LOCKED",
        `disk store: the session "${name}" in ${this.directory} has another owner, in this process or another one`,
      );
    }
    try {
      const path = join(this.directory, fileName(name, id));
      const opened = await Journal.open(fileSystem, this.directory, path, name, this.settings);
      try {
        this.report(opened.damage, opened.records.length);
      } catch (error) {
        await opened.journal.close();
        throw error;
      }
      return { ...opened, release };
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
          `; the file is kept as ${first.keptAs}, and opening again goes on with the ${intact} records that are intact`,
      );
    }
    for (const each of damage) onDamage(each);
  }

  private async giveUp(journal: Journal, release: () => Promise<void>): Promise<void> {
    try {
      await journal.close();
    } finally {
      await release();
    }
  }
}

/** Like the session's name as far as that is safe everywhere, and different for every name, also where "A" is "a". */
function fileName(name: string, id: string): string {
  const legible = name
    .slice(0, 32)
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, "_");
  return `${legible}-${id.slice(0, 32)}.journal`;
}
