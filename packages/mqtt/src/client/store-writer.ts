/** Writes a session's changes to its store, one batch after the other, so that they stay in order. */

import type { Store } from "../platform/store.js";
import type { SessionJournal } from "../session/session-journal.js";

export class StoreWriter {
  private last: Promise<void> | undefined;

  constructor(
    private readonly store: Store,
    private readonly journal: SessionJournal,
  ) {}

  /** A promise that resolves when all changes so far are durable; undefined if they are. */
  write(): Promise<void> | undefined {
    const changes = this.journal.take();
    if (changes !== undefined) {
      const previous = this.last;
      const written =
        previous === undefined ? this.store.write(changes) : previous.then(() => this.store.write(changes));
      this.last = written;
      written.then(
        () => this.forget(written),
        () => this.forget(written),
      );
    }
    return this.last;
  }

  async close(): Promise<void> {
    try {
      await this.write();
    } finally {
      await this.store.close();
    }
  }

  private forget(written: Promise<void>): void {
    if (this.last === written) this.last = undefined;
  }
}
