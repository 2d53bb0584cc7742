/** A message on its way out, from the call that asked for it until what became of it is known. */

import type { QoS } from "../codec/packets.js";
import type { AckProperties, PublishProperties } from "../codec/properties.js";
import { payloadLength } from "../codec/publish-coder.js";
import type { MqttError } from "../errors.js";

/**
 * Where the message stands. `queued` has no packet identifier; `sent` waits for PUBACK or PUBREC; `released` has had
 * PUBREC and waits for PUBCOMP; `settled` has had its outcome.
 */
export type OutgoingState = "queued" | "sent" | "released" | "settled";

export abstract class OutgoingMessage {
  state: OutgoingState = "queued";
  /** 0 until it is first sent. */
  packetIdentifier = 0;
  /** Whether the peer may have taken it over: bytes of it may have left, and were not refused. */
  mayHaveArrived = false;
  /** When it began to wait, in the clock's milliseconds. */
  queuedAt = 0;
  /** Its neighbours in the outbox; the outbox's own. */
  before: OutgoingMessage | undefined;
  behind: OutgoingMessage | undefined;
  /** Its place among those in flight; theirs to know. */
  order = 0;
  /** How many messages this stands for: QoS 0 messages that leave together have one outcome. */
  count = 1;
  /** The number of its record in the store: 0 if it needs none. */
  sequence = 0;
  /** Whether a record stands there under that number, or is being written; the journal's own. */
  stored = false;
  /** Whether the record is to be written at the next opportunity; the journal's own. */
  changed = false;

  constructor(
    readonly topic: string,
    readonly payload: Uint8Array | string,
    readonly qos: QoS,
    readonly retain: boolean,
    readonly properties: PublishProperties | undefined,
    /** When it is worth nothing any more, in the clock's milliseconds; Infinity if never [MQTT5-3.3.2-5]. */
    readonly expiresAt: number,
  ) {}

  /** The outcome: handed to the transport (QoS 0), or acknowledged with this reason code. Called once, or `failed` is. */
  abstract delivered(reasonCode: number, properties: AckProperties | undefined): void;
  abstract failed(error: MqttError): void;
}

/** What a message takes while it is kept, in bytes: near enough for a bound. */
export function messageSize(message: Pick<OutgoingMessage, "topic" | "payload" | "properties">): number {
  const { topic, payload, properties } = message;
  const size = topic.length + payloadLength(payload);
  return properties === undefined ? size : size + propertiesSize(properties);
}

/** What properties take, in bytes. */
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

/** What an array of two strings takes beside them. */
const PAIR = 64;
