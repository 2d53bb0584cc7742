/** Makes a message of its record. */

import type { PublishedMessage, StoredMessage } from "../messages/published-message.js";
import type { MessageRecord } from "./broker-record.js";

/**
 * Returns the message of a record that was read.
 *
 * @param now limits when the message expires, in case the system's clock was set back
 */
export function messageOf(record: MessageRecord, stored: StoredMessage, now: number): PublishedMessage {
  const { topic, payload, qos, retain, properties, publisher, publisherIdentity } = record;
  const interval = properties?.messageExpiryInterval;
  const latest = interval === undefined ? Infinity : now + interval * 1000;
  return {
    topic,
    payload,
    qos,
    retain,
    properties,
    expiresAt: Math.min(record.expiresAt, latest),
    publisher,
    publisherIdentity,
    holders: 0,
    record: stored,
  };
}
