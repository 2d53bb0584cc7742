/**
 * Writes a session's changes to its store, one batch at a time, so that they stay in order and those that come meanwhile are
 * written, and synced, together. Owns what a failed write means: messages that the store could not take are given up, nothing of
 * them having left; what it has records of is written with the next batch.
 */

import { MqttError, StoreError } from "../errors.js";
import type { Store, StoreChange } from "../platform/store.js";
import type { OutgoingMessage } from "../session/outgoing-message.js";
import type { SessionJournal } from "../session/session-journal.js";

export class StoreWriter {
  private writing: Promise<void> | undefined;
  /** What is written as soon as `writing` is done. */
  private next: Promise<void> | undefined;
  private failed = false;

  constructor(
    private readonly store: Store,
    private readonly journal: SessionJournal,
    private readonly refuse: (messages: readonly OutgoingMessage[], error: MqttError) => void,
  ) {}

  /** Whether the last write failed. */
  get isFailing(): boolean {
    return this.failed;
  }

  /**
   * A promise that resolves when all changes so far are durable; undefined if they are. A write that fails fails all that waits
   * behind it.
   */
  write(): Promise<void> | undefined {
    if (this.writing === undefined) return this.start();
    if (!this.journal.hasChanges) return this.next ?? this.writing;
    this.next ??= this.writing.then(
      () => {
        this.next = undefined;
        return this.write();
      },
      (error: unknown) => {
        this.next = undefined;
        throw error;
      },
    );
    return this.next;
  }

  async close(): Promise<void> {
    try {
      await this.write();
    } finally {
      await this.store.close();
    }
  }

  private start(): Promise<void> | undefined {
    const changes = this.journal.take();
    if (changes === undefined) return undefined;
    this.writing = this.commit(changes);
    return this.writing;
  }

  private async commit(changes: readonly StoreChange[]): Promise<void> {
    try {
      await this.store.write(changes);
      this.failed = false;
    } catch (error) {
      this.failed = true;
      const failure = storeFailure(error);
      this.refuse(this.journal.refused(), failure);
      throw failure;
    } finally {
      this.writing = undefined;
    }
  }
}

/** What a store of somebody else's says in its own words. */
function storeFailure(error: unknown): MqttError {
  if (error instanceof MqttError) return error;
  return new StoreError("STORE_FAILED", `the store could not write: ${error}`, { cause: error });
}
