/**
 * Keeps a client's session beyond the process: opens the store once and restores its content, writes changes while no
 * connection does, and closes the store. The store writer decides what a failed write means.
 */

import { type MqttError, StoreError } from "../../errors.js";
import type { Clock, Timer } from "../../platform/clock.js";
import type { Store, StoreRecord } from "../../platform/store.js";
import {
  type RejectedRecord,
  type RestoredSession,
  SET_ASIDE,
  SessionJournal,
} from "../../session/journal/session-journal.js";
import type { OutgoingMessage } from "../../session/outgoing/outgoing-message.js";
import { quotable } from "../../topic/mqtt-string.js";
import { StoreWriter } from "./store-writer.js";

/** `opening` resolves when the content of the store is restored into the session. */
type State = { at: "closed" } | { at: "opening"; done: Promise<void> } | { at: "open" };

/** In milliseconds. */
const RETRY = 1_000;
/** Milliseconds that a store may take to open and to close, including its last write. */
const PATIENCE = 60_000;

export class SessionStorage {
  readonly journal = new SessionJournal();
  readonly writer: StoreWriter;
  private state: State = { at: "closed" };
  private retry: Timer | undefined;
  private writeDue = false;

  /**
   * @param name the name under which the store keeps the session
   * @param restored called with what an earlier process left
   * @param refused called when a write failed, with the messages of that write. The store has no record of them, and
   * nothing of them was sent
   */
  constructor(
    private readonly store: Store,
    private readonly name: string,
    private readonly clock: Clock,
    private readonly restored: (session: RestoredSession) => void,
    refused: (messages: readonly OutgoingMessage[], error: MqttError) => void,
  ) {
    this.writer = new StoreWriter(this.journal, refused);
  }

  get isOpen(): boolean {
    return this.state.at === "open";
  }

  /** Opens the store once, even if called several times. May be called again after a failure. */
  async open(): Promise<void> {
    if (this.state.at === "opening") return this.state.done;
    if (this.isOpen) return;
    const done = this.restore();
    this.state = { at: "opening", done };
    try {
      await done;
    } catch (error) {
      this.state = { at: "closed" };
      throw error;
    }
  }

  /**
   * Writes changes when no connection waits for them. After a failure it writes at most once a second, not for each
   * message. Failures are reported to the owner.
   */
  write(): void {
    if (!this.isOpen || this.retry !== undefined) return;
    const write = (): void => {
      this.retry = undefined;
      this.writer.write()?.catch(() => undefined); // reported to the owner
    };
    if (this.writer.isFailing) this.retry = this.clock.schedule(RETRY, write);
    else write();
  }

  /** The same at the end of the tick, so that messages of one tick are written together. */
  writeSoon(): void {
    if (this.writeDue) return;
    this.writeDue = true;
    this.clock.defer(() => {
      this.writeDue = false;
      this.write();
    });
  }

  /**
   * Resolves when all changes so far are durable.
   *
   * @throws MqttError of the store, if they could not be written; StoreError STORE_TIMEOUT
   */
  async settled(patience?: number): Promise<void> {
    if (this.state.at === "opening") await this.state.done;
    if (this.isOpen) await this.answered(Promise.resolve(this.writer.write()), "write to", patience);
  }

  /** @throws MqttError of the store, if the last changes could not be written; StoreError STORE_TIMEOUT */
  async close(): Promise<void> {
    if (this.state.at === "opening") await this.state.done.catch(() => undefined);
    this.retry?.cancel();
    if (!this.isOpen) return;
    this.state = { at: "closed" };
    await this.answered(this.writer.close(), "close");
  }

  /** Waits for the store's promise. Fails if it takes too long, so that no caller waits forever. */
  private answered<Result>(promise: Promise<Result>, what: string, patience = PATIENCE): Promise<Result> {
    return new Promise((resolve, reject) => {
      const timer = this.clock.schedule(patience, () =>
        reject(
          new StoreError("STORE_TIMEOUT", `store: could not ${what} the session "${this.name}" within ${patience} ms`),
        ),
      );
      promise.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  private async restore(): Promise<void> {
    const opening = this.store.open(this.name);
    const { records, session } = await this.answered(opening, "open").catch((error: unknown) => {
      // If it opens after all, it would keep the session locked.
      opening.then((opened) => opened.session.close()).catch(() => undefined);
      throw error;
    });
    this.writer.session = session;
    try {
      const restored = this.journal.load(records);
      const [first] = restored.rejected;
      if (first !== undefined) throw await this.setAside(first, restored.rejected, records);
      this.state = { at: "open" };
      this.restored(restored);
    } catch (error) {
      await this.answered(session.close(), "close").catch(() => undefined); // not open: no other code closes it
      throw error;
    }
  }

  /**
   * Moves unreadable records to other keys, in one write, so that none is lost and the next client continues without
   * them. Resolves to the errors to report.
   */
  private async setAside(
    first: RejectedRecord,
    rejected: readonly RejectedRecord[],
    records: readonly StoreRecord[],
  ): Promise<MqttError> {
    let key = SET_ASIDE;
    for (const record of records) if (record.key >= key) key = record.key + 1;
    let became = `set aside under the key ${key}`;
    let cause: unknown;
    const changes = rejected.flatMap((record) => [
      { key: record.key, value: undefined },
      { key: key++, value: record.value },
    ]);
    try {
      await this.answered(this.writer.session.write(changes), "write to");
    } catch (error) {
      became = "left in place, because it could not be set aside";
      cause = error;
    }
    const others = rejected.length > 1 ? ` (and ${rejected.length - 1} more)` : "";
    return new StoreError(
      "STORE_CORRUPT",
      `store: record ${first.key} of session "${quotable(this.name)}" cannot be read: ${quotable(first.why)}; it was ${became}${others}`,
      { cause },
    );
  }
}
