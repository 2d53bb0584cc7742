/**
 * Opens and closes the broker's session of a store, and reads what it has. Sets unreadable records aside, so that none is
 * lost and the broker starts without them.
 */

import { type Clock, type OpenedSession, type Store, StoreError } from "@aiko/mqtt";
import { BrokerJournal, inTime, type JournalOwner, OPENING_PATIENCE } from "./broker-journal.js";
import { type LoadedState, Loading, type ReadRecords } from "./loaded-state.js";

/** The name of the session. */
const NAME = "broker";

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
    const loading = new Loading(clock.now());
    let streamed = 0;
    const opening = this.store.open(NAME, (key, value) => {
      streamed++;
      loading.take(key, value, true);
    });
    const opened = await inTime(clock, opening, "open the store", OPENING_PATIENCE).catch((error: unknown) => {
      // If it opens after all, it would keep the session locked.
      opening.then(({ session }) => session.close()).catch(() => undefined);
      throw error;
    });
    try {
      if (streamed > 0 && opened.session.read === undefined) {
        const rule = "a store that passes records to `take` must have `read`";
        throw new StoreError("STORE_FAILED", `store: it passed ${streamed} records to \`take\`; ${rule}`);
      }
      const mayStay = opened.session.read !== undefined;
      for (const { key, value } of opened.records) loading.take(key, value, mayStay);
      const state = await loading.finish(readerOf(opened));
      journal.begin(opened.session, state.lastKey, state.nextAside);
      for (const key of state.superfluous) journal.delete(key);
      for (const { key, value } of state.rejected) journal.setAside(key, value);
      return state;
    } catch (error) {
      await opened.session.close();
      throw error;
    }
  }
}

/** Returns the store's own `read`, or one that reads from the records that were opened. */
function readerOf({ session, records }: OpenedSession): ReadRecords {
  if (session.read !== undefined) return session.read.bind(session);
  let values: Map<number, Uint8Array> | undefined;
  return async (keys) => {
    values ??= new Map(records.map(({ key, value }) => [key, value]));
    const all = values;
    return keys.map((key) => all.get(key));
  };
}
