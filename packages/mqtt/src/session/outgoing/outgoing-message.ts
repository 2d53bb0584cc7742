/** An outgoing message, from the call that publishes it until its outcome is known. */

import type { QoS } from "../../codec/packets.js";
import type { AckProperties, PublishProperties } from "../../codec/properties.js";
import { payloadLength } from "../../codec/publish-coder.js";
import type { MqttError } from "../../errors.js";

/**
 * The state of an outgoing message. `queued`: it has no packet identifier. `sent`: it waits for PUBACK or PUBREC.
 * `released`: PUBREC arrived, and it waits for PUBCOMP. `settled`: its outcome is known.
 */
export type OutgoingState = "queued" | "sent" | "released" | "settled";

/**
 * Which states may follow each state. `npm run states` draws them, and tests check every message against them. Bundles
 * do not contain this table.
 */
export const OUTGOING_TRANSITIONS: Readonly<Record<OutgoingState, readonly OutgoingState[]>> = {
  queued: ["sent", "settled"],
  sent: ["released", "queued", "settled"], // queued again if the peer has lost the session
  released: ["settled"],
  settled: [],
};

/** An outgoing message, from the call that publishes it until its outcome is known. Extend it to learn the outcome. */
export abstract class OutgoingMessage {
  state: OutgoingState = "queued";
  /** The packet identifier. 0 until it is first sent. */
  packetIdentifier = 0;
  /** The received PUBREC, unless it was a success without properties. PUBCOMP does not repeat its content. */
  pubrec: { readonly reasonCode: number; readonly properties?: AckProperties | undefined } | undefined;
  /** Whether the peer may have received it: bytes of it may have been sent, and the peer did not refuse it. */
  mayHaveArrived = false;
  /** When it was queued, in the milliseconds of the clock. */
  queuedAt = 0;
  /** Its neighbours in the outbox. Only the outbox uses them. */
  before: OutgoingMessage | undefined;
  behind: OutgoingMessage | undefined;
  /** Its place among the messages in flight. Only `Inflight` uses it. */
  order = 0;
  /** How many messages this object represents: QoS 0 messages that are sent together have one outcome. */
  count = 1;
  /** The number of its record in the store; 0 if it needs none. */
  sequence = 0;
  /** Whether its record is stored, or being written. Only the journal uses it. */
  stored = false;
  /** Whether its record must be written at the next opportunity. Only the journal uses it. */
  changed = false;

  constructor(
    readonly topic: string,
    readonly payload: Uint8Array | string,
    readonly qos: QoS,
    readonly retain: boolean,
    readonly properties: PublishProperties | undefined,
    /** When it expires, in the milliseconds of the clock. Infinity if never [MQTT5-3.3.2-5]. */
    readonly expiresAt: number,
  ) {}

  /**
   * Called before a message is sent that was queued, or was in flight when a connection was lost. Returns why it must not
   * be sent; undefined if it may be sent; null if that is not known yet, or if the connection ended meanwhile. It then
   * stays where it is, and the owner lets the session continue later. Default: every message may be sent.
   */
  refusal?(): MqttError | null | undefined;

  /**
   * The message was handed to the transport (QoS 0) or acknowledged with this reason code. Either `delivered` or
   * `failed` is called, once.
   */
  abstract delivered(reasonCode: number, properties: AckProperties | undefined): void;
  /** The message was not delivered, or its delivery is unknown: see `mayHaveArrived`. */
  abstract failed(error: MqttError): void;
}

/** The approximate memory of a queued message, in bytes. */
export function messageSize(message: Pick<OutgoingMessage, "topic" | "payload" | "properties">): number {
  const { topic, payload, properties } = message;
  const size = topic.length + payloadLength(payload);
  return properties === undefined ? size : size + propertiesSize(properties);
}

/** The approximate memory of properties, in bytes. */
function propertiesSize(properties: PublishProperties): number {
  const {
    contentType = "",
    responseTopic = "",
    correlationData,
    userProperties = [],
    subscriptionIdentifiers = [],
  } = properties;
  let size =
    contentType.length + responseTopic.length + (correlationData?.length ?? 0) + 8 * subscriptionIdentifiers.length;
  for (const [name, value] of userProperties) size += name.length + value.length + PAIR;
  return size;
}

/** The memory of an array of two strings, in addition to the strings. */
const PAIR = 64;
