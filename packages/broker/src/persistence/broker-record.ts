/**
 * What the broker stores, record by record. The first byte of a record is its kind. Records refer to each other by their
 * keys. Owns the kinds and their fields; what the records mean together is the loader's.
 */

import type { QoS } from "@aiko/mqtt";
import type { ProtocolVersion, Will } from "@aiko/mqtt/codec";
import type { PublishedMessage } from "../messages/published-message.js";

/** The fields of a message that its record has. */
type StoredFields = Pick<
  PublishedMessage,
  "topic" | "payload" | "qos" | "retain" | "properties" | "expiresAt" | "publisher" | "publisherIdentity"
>;

/** A message. Deliveries and retained messages refer to it. */
export interface MessageRecord extends StoredFields {
  readonly kind: "message";
}

/** The session of a client that outlives its connection. */
export interface SessionRecord {
  readonly kind: "session";
  readonly clientId: string;
  readonly version: ProtocolVersion;
  readonly identity: string | undefined;
  readonly username: string | undefined;
  /** In seconds. */
  readonly expiry: number;
  /** When its last connection ended, in the clock's milliseconds. Infinity while it has one. */
  readonly endedAt: number;
  /** The will of its connection, or its delayed will. */
  readonly will: Will | undefined;
}

/** A subscription of a session. */
export interface SubscriptionRecord {
  readonly kind: "subscription";
  readonly session: number;
  readonly topicFilter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly subscriptionIdentifier: number | undefined;
}

/** A message for a session, until its outcome is known. */
export interface DeliveryRecord {
  readonly kind: "delivery";
  readonly session: number;
  readonly message: number;
  readonly state: "queued" | "sent" | "released";
  readonly qos: 1 | 2;
  readonly retain: boolean;
  /** 0 until it was sent. */
  readonly packetIdentifier: number;
  readonly subscriptionIdentifiers: readonly number[];
  readonly sharedFilters: readonly string[];
}

/**
 * A packet identifier of a session. `received`: the client has sent a QoS 2 message with it, and not released it.
 * `reserved`: the client may hold a QoS 2 message with it that the broker has dropped.
 */
export interface IdentifierRecord {
  readonly kind: "received" | "reserved";
  readonly session: number;
  readonly packetIdentifier: number;
}

/** The retained message of its topic. */
interface RetainedRecord {
  readonly kind: "retained";
  readonly message: number;
}

export type BrokerRecord =
  | MessageRecord
  | SessionRecord
  | SubscriptionRecord
  | DeliveryRecord
  | IdentifierRecord
  | RetainedRecord;

/** The index is the byte. 0 is never written, so that zeros are not a record. */
export const kinds = [
  undefined,
  "message",
  "session",
  "subscription",
  "delivery",
  "received",
  "retained",
  "reserved",
] as const;

export const states = ["queued", "sent", "released"] as const;

/** The flags of a message: what is known of its publisher. An identity is only known of a publisher. */
export const HAS_PUBLISHER = 1;
export const HAS_PUBLISHER_IDENTITY = 2;

/** The flags of a session: which of its optional fields follow. */
export const HAS_IDENTITY = 1;
export const HAS_USERNAME = 2;
export const HAS_WILL = 4;
