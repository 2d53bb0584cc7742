/** Reads messages that wait in the store only, with their deliveries. Changes nothing. */

import type { BrokerJournal } from "./broker-journal.js";
import { messageOf } from "./loaded-message.js";
import type { LoadedDelivery, StoredDelivery } from "./loaded-state.js";
import { RecordDecoder } from "./record-reading.js";

/** A delivery that cannot be read. */
interface UnreadableDelivery {
  readonly key: number;
  /** The reason, in words. */
  readonly why: string;
}

const decoder = new RecordDecoder();

/**
 * Resolves to the deliveries, in the same order.
 *
 * @throws MqttError of the store
 */
export async function readDeliveries(
  journal: BrokerJournal,
  deliveries: readonly StoredDelivery[],
  now: number,
): Promise<(LoadedDelivery | UnreadableDelivery)[]> {
  const values = await journal.read(deliveries.flatMap(({ key, message }) => [key, message.key]));
  return deliveries.map(({ key, message: stored }, i) => {
    try {
      const record = decoder.delivery(intact(values[2 * i], key));
      const message = messageOf(decoder.message(intact(values[2 * i + 1], stored.key)), stored, now);
      if (record.qos > message.qos) throw new Error("its QoS is above that of the message");
      return { key, record, message };
    } catch (error) {
      return { key, why: `record ${key}: ${error instanceof Error ? error.message : error}` };
    }
  });
}

/** @throws Error if it is undefined */
function intact(value: Uint8Array | undefined, key: number): Uint8Array {
  if (value === undefined) throw new Error(`the record ${key} is damaged`);
  return value;
}
