/**
 * Writes down what is settled, and removes what is settled, too old, or in the way of new records. Everything that changes the cursor's file or
 * removes segments runs here, one after the other.
 */

import { join } from "node:path";
import { storeError } from "../store-error.js";
import type { AgeLimit } from "./age-limit.js";
import type { CursorFile } from "./cursor-file.js";
import type { Account } from "./ledger.js";
import { dropReplaced } from "./replaced-records.js";
import type { Segment } from "./segment.js";
import { scan } from "./segment-scan.js";
import type { SpoolSettings } from "./spool-options.js";
import type { SpoolReader } from "./spool-reader.js";
import type { SpoolState } from "./spool-state.js";

export class SpoolUpkeep {
  private last: Promise<void> = Promise.resolve();
  private noting: Promise<void> | undefined;

  /** @param changed is called when there may be more room, or when what is settled was written down */
  constructor(
    private readonly directory: string,
    private readonly settings: SpoolSettings,
    private readonly state: SpoolState,
    private readonly cursorFile: CursorFile,
    private readonly age: AgeLimit,
    private readonly reader: () => SpoolReader,
    private readonly changed: () => void,
  ) {}

  /** Writes down what is settled, so that it survives a power loss, and removes what is settled or too old. */
  checkpoint(): Promise<void> {
    return this.next(async () => {
      await this.expire();
      await this.writeCursor();
      await this.removeSettled();
    });
  }

  /** Writes down what is settled soon, so that it survives the process. A failure is one of the next checkpoint. */
  note(): void {
    this.noting ??= this.noteAll().finally(() => {
      this.noting = undefined;
    });
  }

  /** Drops the oldest segment, except the last. */
  dropOldest(reason: string): Promise<void> {
    return this.next(() => this.dropSegment(reason));
  }

  /** Drops records of which there is a later one with the same topic, of one segment. Resolves to false if there is none. */
  async dropReplaced(): Promise<boolean> {
    let isDone = false;
    await this.next(async () => {
      const { segments, settled } = this.state;
      const candidates = segments.slice(0, -1).filter(({ next }) => next > settled.cursor);
      for (const segment of candidates) {
        const later = segments.slice(segments.indexOf(segment) + 1);
        await this.reader().rewind(segment, async () => {
          isDone = await dropReplaced(this.settings.fileSystem, this.directory, segment, later, this.state);
        });
        if (isDone) return;
      }
    });
    return isDone;
  }

  /** Counts the records again, after some could not be read. */
  recount(): Promise<void> {
    return this.next(() => this.count());
  }

  async close(): Promise<void> {
    await this.checkpoint().catch(() => {}); // what was settled since the last one is read again
    await this.noting;
    await this.cursorFile.close();
  }

  private next(run: () => Promise<void>): Promise<void> {
    const done = this.last.then(run);
    this.last = done.catch(() => {});
    return done;
  }

  private async noteAll(): Promise<void> {
    await undefined; // what is settled in one go belongs together
    while (this.state.unwritten > 0) {
      const { unwritten } = this.state;
      try {
        await this.cursorFile.note(this.state);
      } catch {
        return;
      }
      this.state.unwritten -= unwritten;
      this.changed();
    }
  }

  private async writeCursor(): Promise<void> {
    const { state } = this;
    if (!state.isDirty) return;
    state.isDirty = false;
    try {
      await this.cursorFile.write(state);
    } catch (error) {
      state.isDirty = true;
      throw storeError(`write ${join(this.directory, "cursor")}`, error);
    }
  }

  /** Removes the segments that the cursor, which is synced, has passed. The last one stays: records are added to it. */
  private async removeSettled(): Promise<void> {
    const { segments, settled } = this.state;
    for (;;) {
      const [segment] = segments;
      if (segment === undefined || segments.length < 2 || segment.next > settled.cursor) return;
      segment.isRemoved = true;
      segments.shift();
      await this.reader().leave(segment);
      await this.settings.fileSystem.remove(segment.path);
      this.changed();
    }
  }

  /** Drops segments whose last record is too old, also if nothing reads them. */
  private async expire(): Promise<void> {
    const { segments, settled } = this.state;
    for (;;) {
      const segment = segments.find(({ next }) => next > settled.cursor);
      if (segment === undefined || segment === segments.at(-1)) return;
      if (!this.age.isExpired(segment.lastAcceptedAt)) return;
      await this.dropSegment("expired");
    }
  }

  /** Drops what is not settled of the oldest segment that has such records, unless it is the last one. */
  private async dropSegment(reason: string): Promise<void> {
    const { segments, settled, ledger } = this.state;
    const at = segments.findIndex(({ next }) => next > settled.cursor);
    const [segment, after] = at < 0 ? [] : segments.slice(at);
    if (segment === undefined || after === undefined) return;
    await this.scan(segment, (sequence, source, own) => {
      const account = ledger.byNumberOf(source);
      if (account === undefined || own <= account.clearedTo || settled.has(sequence)) return;
      this.state.dropOne(account, sequence, reason);
    });
    const isComplete = settled.cursor >= after.first;
    settled.settleBelow(after.first);
    if (!isComplete) await this.count();
  }

  /** What is missing was damaged. Records in flight are not: they were read. */
  private async count(): Promise<void> {
    const { state } = this;
    const { settled, ledger, next } = state;
    const before = settled.snapshot();
    const inflight = new Set(state.inflight.keys());
    const missing = new Map<Account, number>();
    for (const account of ledger.accounts) missing.set(account, account.spooled);
    const found = (account: Account | undefined): void => {
      if (account !== undefined) missing.set(account, (missing.get(account) ?? 0) - 1);
    };
    for (const { source } of state.inflight.values()) found(ledger.byIdOf(source));
    for (const segment of [...state.segments]) {
      await this.scan(segment, (sequence, source, own) => {
        if (sequence >= next || before(sequence) || inflight.has(sequence)) return;
        const account = ledger.byNumberOf(source);
        if (account !== undefined && own > account.clearedTo) found(account);
      });
    }
    for (const [account, count] of missing) {
      const lost = Math.min(count, account.spooled);
      if (lost > 0) state.drop(account, "damaged", lost);
    }
    this.changed();
  }

  private scan(segment: Segment, record: (sequence: number, source: number, own: number) => void): Promise<void> {
    return scan(this.settings.fileSystem, segment, { definition: () => {}, record });
  }
}
