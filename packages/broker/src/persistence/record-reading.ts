/** Reads the records of the broker, strictly: a store may be damaged, and its files may have been changed. */

import type { QoS } from "@aiko/mqtt";
import { type PublishPacket, ServerPacketStream, type Will } from "@aiko/mqtt/codec";
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
import { RecordReader } from "./record-bytes.js";

/** Reads records. It is an object because all records share one decoder of packets. */
export class RecordDecoder {
  private stream = newStream();

  /** @throws Error that names the fault, if it is not a valid record */
  read(value: Uint8Array): BrokerRecord {
    const reader = new RecordReader(value);
    const byte = reader.byte();
    const kind = kinds[byte];
    switch (kind) {
      case "message":
        return this.readMessage(reader);
      case "session":
        return this.readSession(reader);
      case "subscription":
        return readSubscription(reader);
      case "delivery":
        return readDelivery(reader);
      case "received":
      case "reserved": {
        const record = { kind, session: reader.key(), packetIdentifier: readIdentifier(reader) };
        reader.end();
        return record;
      }
      case "retained": {
        const record = { kind, message: reader.key() };
        reader.end();
        return record;
      }
      case undefined:
        throw new Error(`kind ${byte} is not known`);
    }
  }

  /** @throws Error that names the fault, if it is not a valid record of a message */
  message(value: Uint8Array): MessageRecord {
    const record = this.read(value);
    if (record.kind !== "message") throw new Error(`it is a record of the kind ${record.kind}`);
    return record;
  }

  /** @throws Error that names the fault, if it is not a valid record of a delivery */
  delivery(value: Uint8Array): DeliveryRecord {
    const record = this.read(value);
    if (record.kind !== "delivery") throw new Error(`it is a record of the kind ${record.kind}`);
    return record;
  }

  private readMessage(reader: RecordReader): MessageRecord {
    const expiresAt = reader.time();
    const has = reader.byte();
    const hasPublisher = has !== 0;
    const hasIdentity = has === (HAS_PUBLISHER | HAS_PUBLISHER_IDENTITY);
    if (hasPublisher && !hasIdentity && has !== HAS_PUBLISHER) throw new Error(`flags ${has} are not known`);
    const publisher = reader.text();
    if (!hasPublisher && publisher !== "") throw new Error("it has a publisher that it does not announce");
    const publisherIdentity = hasIdentity ? reader.text() : undefined;
    const { topic, payload, qos, retain, properties } = this.readPublication(reader.rest());
    return {
      kind: "message",
      topic,
      payload,
      qos,
      retain,
      properties,
      expiresAt,
      publisher: hasPublisher ? publisher : undefined,
      publisherIdentity,
    };
  }

  private readPublication(bytes: Uint8Array): PublishPacket {
    const { stream } = this;
    try {
      stream.append(bytes);
      const packet = stream.next();
      if (packet?.type !== "publish" || stream.next() !== undefined || stream.waiting > 0)
        throw new Error("it is not one PUBLISH");
      const { dup, packetIdentifier, qos, properties, topic } = packet;
      if (dup || (qos > 0 && packetIdentifier !== 1) || topic === "" || properties?.topicAlias !== undefined)
        throw new Error("its PUBLISH has fields that are not stored");
      return packet;
    } catch (error) {
      this.stream = newStream(); // after a fault, it accepts nothing more
      throw error;
    }
  }

  private readSession(reader: RecordReader): SessionRecord {
    const version = reader.byte();
    if (version !== 3 && version !== 4 && version !== 5) throw new Error(`version ${version} is not known`);
    const has = reader.byte();
    if (has > (HAS_IDENTITY | HAS_USERNAME | HAS_WILL)) throw new Error(`flags ${has} are not known`);
    const expiry = reader.integer();
    const endedAt = reader.time();
    const clientId = reader.text();
    const identity = (has & HAS_IDENTITY) === 0 ? undefined : reader.text();
    const username = (has & HAS_USERNAME) === 0 ? undefined : reader.text();
    const will = (has & HAS_WILL) === 0 ? undefined : this.readWill(reader);
    reader.end();
    return { kind: "session", clientId, version, identity, username, expiry, endedAt, will };
  }

  private readWill(reader: RecordReader): Will {
    const willDelayInterval = reader.integer();
    const { topic, payload, qos, retain, properties } = this.readPublication(reader.rest());
    if (properties?.subscriptionIdentifiers !== undefined) throw new Error("a will has no subscription identifiers");
    return {
      topic,
      payload,
      qos,
      retain,
      properties: willDelayInterval === 0 ? properties : { ...properties, willDelayInterval },
    };
  }
}

/**
 * Returns when the message of a record expires; undefined if it is a record of another kind. Does not read the message.
 *
 * @throws Error that names the fault
 */
export function readExpiry(value: Uint8Array): number | undefined {
  if (value[0] !== MESSAGE) return undefined;
  const reader = new RecordReader(value);
  reader.byte();
  return reader.time();
}

const MESSAGE = kinds.indexOf("message");

function newStream(): ServerPacketStream {
  return new ServerPacketStream(5, { maximumPacketSize: Infinity });
}

function readSubscription(reader: RecordReader): SubscriptionRecord {
  const session = reader.key();
  const options = reader.byte();
  const qos = options & 3;
  if (qos === 3 || options > 15) throw new Error(`options ${options} are not known`);
  const subscriptionIdentifier = reader.integer() || undefined;
  if ((subscriptionIdentifier ?? 0) > 268_435_455)
    throw new Error(`${subscriptionIdentifier} is not a subscription identifier`);
  const topicFilter = reader.restOfText();
  return {
    kind: "subscription",
    session,
    topicFilter,
    qos: qos as QoS,
    noLocal: (options & 4) !== 0,
    retainAsPublished: (options & 8) !== 0,
    subscriptionIdentifier,
  };
}

/** Shared by most deliveries, of which there may be millions. */
const NO_IDENTIFIERS: number[] = [];
const NO_FILTERS: string[] = [];

function readDelivery(reader: RecordReader): DeliveryRecord {
  const session = reader.key();
  const message = reader.key();
  const options = reader.byte();
  const qos = options & 3;
  const state = states[options >> 3];
  if (qos < 1 || qos > 2 || state === undefined) throw new Error(`options ${options} are not known`);
  if (state === "released" && qos === 1) throw new Error("a QoS 1 message cannot be released");
  const packetIdentifier = reader.short();
  if ((packetIdentifier === 0) !== (state === "queued"))
    throw new Error(`packet identifier ${packetIdentifier} of a ${state} message`);
  const identifiers = reader.integer();
  const subscriptionIdentifiers: number[] = identifiers === 0 ? NO_IDENTIFIERS : [];
  for (let left = identifiers; left > 0; left--) subscriptionIdentifiers.push(reader.integer());
  const sharedFilters: string[] = reader.hasMore ? [] : NO_FILTERS;
  while (reader.hasMore) sharedFilters.push(reader.text());
  return {
    kind: "delivery",
    session,
    message,
    state,
    qos: qos as 1 | 2,
    retain: (options & 4) !== 0,
    packetIdentifier,
    subscriptionIdentifiers,
    sharedFilters,
  };
}

function readIdentifier(reader: RecordReader): number {
  const identifier = reader.short();
  if (identifier === 0) throw new Error("0 is not a packet identifier");
  return identifier;
}
