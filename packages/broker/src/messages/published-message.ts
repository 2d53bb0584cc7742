/** A message in the broker, from its publisher to its last subscriber. */

import { type MqttError, type PublishProperties, type QoS, RefusedError } from "@aiko/mqtt";
import { type PublishPacket, ReasonCode, type Will } from "@aiko/mqtt/codec";
import { OutgoingMessage } from "@aiko/mqtt/session";

export interface PublishedMessage {
  readonly topic: string;
  payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  properties: PublishProperties | undefined;
  /** In the clock's milliseconds; Infinity if it does not expire. */
  readonly expiresAt: number;
  /** The client that published it; undefined for the broker itself. */
  readonly publisher: string | undefined;
  /** Who that client was then. */
  readonly publisherIdentity: string | undefined;
  /** The number of clients that it waits for. Only `MemoryBudget` changes it. */
  holders: number;
  /** Its record in the store; may be removed already. Only the journal changes it. */
  record: StoredMessage | undefined;
}

/** A message's record in the store, as all know it who refer to it. The message itself need not be in memory. */
export interface StoredMessage {
  readonly key: number;
  /** The bytes of the record. */
  readonly size: number;
  /** In the clock's milliseconds; Infinity if it does not expire. */
  readonly expiresAt: number;
  /** How many records refer to it. At 0, it was removed. Only the journal changes it. */
  references: number;
}

/** The fields that PUBLISH and a will share. */
type Publication = Pick<PublishPacket, "topic" | "payload" | "qos" | "retain" | "properties">;

/** The client that publishes. */
export interface Publisher {
  readonly clientId: string;
  readonly identity: string | undefined;
}

export function publishedMessage(publication: Publication, by: Publisher | undefined, now: number): PublishedMessage {
  const { topic, payload, qos, retain, properties } = publication;
  const seconds = properties?.messageExpiryInterval;
  const expiresAt = seconds === undefined ? Infinity : now + seconds * 1000;
  return {
    topic,
    payload,
    qos,
    retain,
    properties,
    expiresAt,
    publisher: by?.clientId,
    publisherIdentity: by?.identity,
    holders: 0,
    record: undefined,
  };
}

export function willMessage(will: Will, by: Publisher, now: number): PublishedMessage {
  const { willDelayInterval: _, ...properties } = will.properties ?? {};
  return publishedMessage({ ...will, properties }, by, now);
}

/**
 * A message that a client received as the member of shared subscriptions, possibly also through other subscriptions.
 */
export interface SharedMessage {
  readonly message: PublishedMessage;
  /** The filters as the members subscribed to them: with `$share` and the group's name. */
  readonly sharedFilters: readonly string[];
}

/** The client that a message is delivered to. */
export interface Addressee {
  undelivered(message: DeliveredMessage, error: MqttError): void;
  /** Whether a message that waited may be sent. Undefined if that is not known yet. */
  consent(message: DeliveredMessage): boolean | undefined;
  /** The client has the message. */
  delivered(message: DeliveredMessage): void;
  /** A message with `held` has its outcome. */
  released(message: DeliveredMessage, held: PublishedMessage): void;
}

/**
 * One client's copy of a message that is being delivered. The publisher has its answer already; failures are reported
 * with `addressee`.
 */
export class DeliveredMessage extends OutgoingMessage {
  /** Whether it failed because the queue was full. */
  foundNoRoom = false;
  /** The message as it was published; set only if the application is asked again before it is sent, or if it is stored. */
  source: PublishedMessage | undefined;
  /** The message as it was published, while the memory of its waiting is counted. */
  held: PublishedMessage | undefined;

  constructor(
    topic: string,
    override readonly payload: Uint8Array,
    qos: QoS,
    retain: boolean,
    properties: PublishProperties | undefined,
    expiresAt: number,
    private readonly addressee: Addressee,
    /**
     * What another member receives if this client's session ends first; undefined if no shared subscription matched.
     */
    readonly shared: SharedMessage | undefined,
  ) {
    super(topic, payload, qos, retain, properties, expiresAt);
  }

  /** Whether another client may receive it instead. Not if it has QoS 2 and was sent [MQTT5-4.8.2-5]. */
  get isTransferable(): boolean {
    return this.shared !== undefined && this.qos > 0 && (this.qos === 1 || this.state === "queued");
  }

  override refusal(): MqttError | null | undefined {
    if (this.state === "released" || this.state === "settled") return undefined; // the client has it
    const consent = this.addressee.consent(this);
    if (consent === undefined) return null;
    return consent
      ? undefined
      : new RefusedError("PUBLISH_REFUSED", ReasonCode.NOT_AUTHORIZED, "authorizeDeliver refused it");
  }

  override delivered(): void {
    this.release();
    this.addressee.delivered(this);
  }

  /** Reports that the message does not wait any more. */
  release(): void {
    const { held } = this;
    this.held = undefined;
    if (held !== undefined) this.addressee.released(this, held);
  }

  override failed(error: MqttError): void {
    this.release();
    this.foundNoRoom = error.code === "OUTBOX_FULL";
    this.addressee.undelivered(this, error);
  }
}

/**
 * Prepares a message for being kept. Its bytes are copied once for all who keep it, because received bytes keep the
 * whole chunk in memory.
 */
export function forKeeping(message: PublishedMessage): PublishedMessage {
  message.payload = ownBytes(message.payload);
  const correlationData = message.properties?.correlationData;
  if (correlationData !== undefined) {
    const own = ownBytes(correlationData);
    if (own !== correlationData) message.properties = { ...message.properties, correlationData: own };
  }
  return message;
}

/** Returns the same bytes, in a buffer that is not much larger than they are. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.buffer.byteLength > 2 * bytes.length + 1024 ? new Uint8Array(bytes) : bytes;
}
