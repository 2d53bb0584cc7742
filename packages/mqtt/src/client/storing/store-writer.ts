/**
 * Writes a session's changes to its store, one batch at a time, so that they stay in order and those that come meanwhile are
 * written, and synced, together. Owns what a failed write means: messages that the store could not take are given up, nothing of
 * them having left; what it has records of is written with the next batch.
 */

import { MqttError, StoreError } from "../../errors.js";
import type { StoreChange, StoredSession } from "../../platform/store.js";
import type { SessionJournal } from "../../session/journal/session-journal.js";
import type { OutgoingMessage } from "../../session/outgoing/outgoing-message.js";

export class StoreWriter {
  private writing: Promise<void> | undefined;
  /** What is written as soon as `writing` is done. */
  private next: Promise<void> | undefined;
  /** Whether the last write failed. */
  isFailing = false;
  /** Where changes are written: set when the store is open, which is before the first of them. */
  declare session: StoredSession;

  constructor(
    private readonly journal: SessionJournal,
    private readonly refuse: (messages: readonly OutgoingMessage[], error: MqttError) => void,
  ) {}

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
      await this.session.close();
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
      await this.session.write(changes);
      this.isFailing = false;
    } catch (error) {
      this.isFailing = true;
      // A store of somebody else's has words of its own.
      const failure =
        error instanceof MqttError
          ? error
          : new StoreError("STORE_FAILED", `the store failed to write: ${error}`, { cause: error });
      this.refuse(this.journal.refused(), failure);
      throw failure;
    } finally {
      this.writing = undefined;
    }
  }
}
