/** An open session: owns its file and its lock until it is closed. */

import { type StoreChange, type StoredSession, StoreError, UsageError } from "@aiko/mqtt";
import type { Journal } from "./journal.js";
import { storeError } from "./store-error.js";

export class DiskSession implements StoredSession {
  private closed: Promise<void> | undefined;

  /** @param what the session's name in errors */
  constructor(
    private readonly journal: Journal,
    private readonly release: () => Promise<void>,
    private readonly what: string,
  ) {}

  /** @throws StoreError STORE_FULL, STORE_FAILED or STORE_CORRUPT; in that case nothing of `changes` was written */
  async write(changes: readonly StoreChange[]): Promise<void> {
    if (this.closed !== undefined) {
      throw new StoreError("STORE_FAILED", `disk store: ${this.what} is closed; nothing was written`);
    }
    for (const { key } of changes) {
      if (!Number.isSafeInteger(key) || key < 0) {
        throw new UsageError("OPTION_INVALID", `key ${key}: must be an integer from 0 to 2^53 - 1`);
      }
    }
    if (changes.length > 0) await this.journal.write(changes);
  }

  /** @throws StoreError STORE_FAILED */
  async read(keys: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    if (this.closed !== undefined) throw new StoreError("STORE_FAILED", `disk store: ${this.what} is closed`);
    try {
      return await this.journal.read(keys);
    } catch (error) {
      throw storeError(`read ${this.what}`, error);
    }
  }

  /** Resolves when everything that was written is on the disk. */
  close(): Promise<void> {
    this.closed ??= this.giveUp();
    return this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async giveUp(): Promise<void> {
    try {
      await this.journal.close().finally(this.release);
    } catch (error) {
      throw storeError(`close ${this.what}`, error);
    }
  }
}
