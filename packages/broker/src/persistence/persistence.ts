/**
 * Opens and closes the broker's session of a store, and reads what it has. Sets unreadable records aside, so that none is
 * lost and the broker starts without them.
 */

import type { Clock, Store } from "@aiko/mqtt";
import { BrokerJournal, inTime, type JournalOwner, OPENING_PATIENCE } from "./broker-journal.js";
import { type LoadedState, loadState } from "./loaded-state.js";

/** The name of the session. */
export const SESSION_NAME = "broker";

export class Persistence {
  readonly journal: BrokerJournal;

  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    owner: JournalOwner,
  ) {
    this.journal = new BrokerJournal(clock, owner);
  }

  /**
   * Opens the store. Resolves to what an earlier process left.
   *
   * @throws StoreError or another MqttError of the store; StoreError STORE_TIMEOUT
   */
  async open(): Promise<LoadedState> {
    const { clock, journal } = this;
    const opening = this.store.open(SESSION_NAME);
    const { records, session } = await inTime(clock, opening, "open the store", OPENING_PATIENCE).catch(
      (error: unknown) => {
        // If it opens after all, it would keep the session locked.
        opening.then((opened) => opened.session.close()).catch(() => undefined);
        throw error;
      },
    );
    const state = loadState(records, clock.now());
    journal.begin(session, state.lastKey);
    for (const key of state.superfluous) journal.delete(key);
    let aside = state.nextAside;
    for (const { key, value } of state.rejected) {
      journal.delete(key);
      journal.set(aside++, value);
    }
    return state;
  }
}
