// What a store holds that is still to be done, without what only names deliveries.
import type { StoreRecord } from "../../src/platform/store.ts";
import { INCOMING } from "../../src/session/incoming/incoming-records.ts";

/** The records of messages that have no outcome, and of QoS 2 messages that came and were not released. */
export function openRecords(records: readonly StoreRecord[]): StoreRecord[] {
  return records.filter(({ key, value }) => key < INCOMING || (key > INCOMING && value[0] === 1));
}
