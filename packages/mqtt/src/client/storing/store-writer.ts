/**
 * Writes a session's changes to its store, one batch at a time. The changes stay in order, and those that arrive during
 * a write are written and synced together. Owns the handling of failed writes: messages that the store could not take
 * fail, before anything of them was sent; messages that the store has records of are written with the next batch.
 */

import { MqttError, StoreError } from "../../errors.js";
import type { StoreChange, StoredSession } from "../../platform/store.js";
import type { SessionJournal } from "../../session/journal/session-journal.js";
import type { OutgoingMessage } from "../../session/outgoing/outgoing-message.js";

export class StoreWriter {
  private writing: Promise<void> | undefined;
  /** The next batch, which is written after `writing`. */
  private next: Promise<void> | undefined;
  /** Whether the last write failed. */
  isFailing = false;
  /** Where changes are written. Set when the store is open, before the first change. */
  declare session: StoredSession;

  constructor(
    private readonly journal: SessionJournal,
    private readonly refuse: (messages: readonly OutgoingMessage[], error: MqttError) => void,
  ) {}

  /**
   * Returns a promise that resolves when all changes so far are durable; undefined if they are. If a write fails, all
   * later writes that wait for it fail, too.
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
      // Stores of other authors throw other errors.
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
