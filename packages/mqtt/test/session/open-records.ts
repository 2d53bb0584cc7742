// The unfinished work in a store, without records that only name deliveries.
import type { StoreRecord } from "../../src/platform/store.ts";
import { INCOMING } from "../../src/session/incoming/incoming-records.ts";

/** The records of messages without an outcome, and of received QoS 2 messages that were not released. */
export function openRecords(records: readonly StoreRecord[]): StoreRecord[] {
  return records.filter(({ key, value }) => key < INCOMING || (key > INCOMING && value[0] === 1));
}
