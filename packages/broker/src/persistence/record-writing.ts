/** Writes the records of the broker. The layout of each kind is here, and in the reader. */

import { encode, type PublishPacket, type Will } from "@aiko/mqtt/codec";
import {
  type BrokerRecord,
  type DeliveryRecord,
  HAS_IDENTITY,
  HAS_PUBLISHER,
  HAS_PUBLISHER_IDENTITY,
  HAS_USERNAME,
  HAS_WILL,
  kinds,
  type MessageRecord,
  type SessionRecord,
  type SubscriptionRecord,
  states,
} from "./broker-record.js";
import { RecordWriter } from "./record-bytes.js";

const byteOf = Object.fromEntries(kinds.map((kind, i) => [kind, i])) as Record<BrokerRecord["kind"], number>;

const encoder = new TextEncoder();
const NOTHING = new Uint8Array(0);

/** Returns the bytes of a record. They belong to the caller. */
export function writeRecord(record: BrokerRecord): Uint8Array {
  switch (record.kind) {
    case "message":
      return writeMessage(record);
    case "session":
      return writeSession(record);
    case "subscription":
      return writeSubscription(record);
    case "delivery":
      return writeDelivery(record);
    case "received":
    case "reserved":
      return RecordWriter.of(11).byte(byteOf[record.kind]).double(record.session).short(record.packetIdentifier).bytes;
    case "retained":
      return RecordWriter.of(9).byte(byteOf.retained).double(record.message).bytes;
  }
}

function writeMessage(record: MessageRecord): Uint8Array {
  const { publisher, publisherIdentity, expiresAt } = record;
  const by = publisher === undefined ? NOTHING : encoder.encode(publisher);
  const identity = publisherIdentity === undefined ? undefined : encoder.encode(publisherIdentity);
  const packet = writePublication(record);
  const size = 14 + by.length + (identity === undefined ? 0 : 4 + identity.length) + packet.length;
  const has =
    (publisher === undefined ? 0 : HAS_PUBLISHER) | (publisherIdentity === undefined ? 0 : HAS_PUBLISHER_IDENTITY);
  const writer = RecordWriter.of(size).byte(byteOf.message).double(expiresAt).byte(has).text(by);
  if (identity !== undefined) writer.text(identity);
  return writer.rest(packet).bytes;
}

/** A PUBLISH of MQTT 5. */
function writePublication(
  fields: Pick<PublishPacket, "topic" | "payload" | "qos" | "retain" | "properties">,
): Uint8Array {
  const { topic, payload, qos, retain, properties } = fields;
  const packetIdentifier = qos > 0 ? 1 : 0;
  return encode({ type: "publish", topic, payload, qos, retain, dup: false, packetIdentifier, properties }, 5);
}

function writeSession({ clientId, version, identity, username, expiry, endedAt, will }: SessionRecord): Uint8Array {
  const texts = [clientId, identity, username].map((text) => (text === undefined ? undefined : encoder.encode(text)));
  const packet = will === undefined ? NOTHING : writeWill(will);
  const size = texts.reduce((sum, text) => sum + (text === undefined ? 0 : 4 + text.length), 15 + packet.length);
  const has =
    (identity === undefined ? 0 : HAS_IDENTITY) |
    (username === undefined ? 0 : HAS_USERNAME) |
    (will === undefined ? 0 : HAS_WILL);
  const writer = RecordWriter.of(size).byte(byteOf.session).byte(version).byte(has).integer(expiry).double(endedAt);
  for (const text of texts) if (text !== undefined) writer.text(text);
  return writer.rest(packet).bytes;
}

/** Its delay, and the message as a PUBLISH. */
function writeWill(will: Will): Uint8Array {
  const { willDelayInterval = 0, ...properties } = will.properties ?? {};
  const packet = writePublication({ ...will, properties });
  return RecordWriter.of(4 + packet.length)
    .integer(willDelayInterval)
    .rest(packet).bytes;
}

function writeSubscription(record: SubscriptionRecord): Uint8Array {
  const filter = encoder.encode(record.topicFilter);
  const options = record.qos | (record.noLocal ? 4 : 0) | (record.retainAsPublished ? 8 : 0);
  return RecordWriter.of(14 + filter.length)
    .byte(byteOf.subscription)
    .double(record.session)
    .byte(options)
    .integer(record.subscriptionIdentifier ?? 0)
    .rest(filter).bytes;
}

function writeDelivery(record: DeliveryRecord): Uint8Array {
  const { subscriptionIdentifiers, sharedFilters } = record;
  const filters = sharedFilters.map((filter) => encoder.encode(filter));
  const size = filters.reduce((sum, { length }) => sum + 4 + length, 24 + 4 * subscriptionIdentifiers.length);
  const options = record.qos | (record.retain ? 4 : 0) | (states.indexOf(record.state) << 3);
  const writer = RecordWriter.of(size).byte(byteOf.delivery).double(record.session).double(record.message);
  writer.byte(options).short(record.packetIdentifier).integer(subscriptionIdentifiers.length);
  for (const identifier of subscriptionIdentifiers) writer.integer(identifier);
  for (const filter of filters) writer.text(filter);
  return writer.bytes;
}
