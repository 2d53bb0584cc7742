/** A publish, from the call until its promise settles. */

import { BodyWriter } from "../codec/body-writer.js";
import type { QoS } from "../codec/packets.js";
import type { AckProperties, MessageProperties, PublishProperties } from "../codec/properties.js";
import { writeProperties } from "../codec/property-coder.js";
import { type MqttError, UsageError } from "../errors.js";
import { anything, boolean, holds, type Rule } from "../options/option-rules.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { StoredMessage } from "../session/journal/message-record.js";
import { OutgoingMessage } from "../session/outgoing/outgoing-message.js";
import { signalRule } from "./abort-source.js";

/**
 * The properties that an application may give a message. The client and the server manage the other properties of
 * PUBLISH.
 */
export interface ApplicationProperties extends MessageProperties {
  readonly topicAlias?: undefined;
  readonly subscriptionIdentifiers?: undefined;
}

/** Options of `publish`. */
export interface PublishOptions {
  /** The quality of service. Default 0. */
  readonly qos?: QoS | undefined;
  /** Whether the server keeps the message for later subscribers. Default false. */
  readonly retain?: boolean | undefined;
  /**
   * The properties of PUBLISH on MQTT 5. Earlier versions do not send them, but `messageExpiryInterval` still limits
   * the time in this client's queue.
   */
  readonly properties?: ApplicationProperties | undefined;
  /** Cancels the message while it is queued. Once it has been sent, only the promise is rejected. */
  readonly signal?: AbortSignalLike | undefined;
}

export const qualityRule: Rule<QoS> = holds<QoS, QoS>(
  (value) => value === 0 || value === 1 || value === 2,
  "must be the number 0, 1 or 2",
  0,
);

export const publishRules = {
  qos: qualityRule,
  retain: boolean(false),
  properties: anything<ApplicationProperties | undefined>(),
  signal: signalRule,
} satisfies Record<keyof PublishOptions, unknown>;

/** The outcome of a message: handed to the network at QoS 0, acknowledged at QoS 1 and 2. */
export interface PublishResult {
  /** The QoS of the message. */
  readonly qos: QoS;
  /** The code of PUBACK, or of PUBREC or PUBCOMP: 0, or 0x10 if the server reports that the topic has no subscriber. */
  readonly reasonCode: number;
  /** The properties of the acknowledgement. Undefined if it has none. */
  readonly properties: AckProperties | undefined;
}

/**
 * Checks a message's properties when it is published. When it is encoded, it is too late to reject the call.
 *
 * @throws UsageError PROPERTY_INVALID
 */
export function assertPublishProperties(properties: PublishProperties | undefined): void {
  if (properties === undefined) return;
  for (const name of ["topicAlias", "subscriptionIdentifiers"] as const) {
    if (properties[name] === undefined) continue;
    const what = `publish: ${name} is managed by the client and cannot be set [MQTT5-3.3.2-9, 3.3.4-6]`;
    throw new UsageError("PROPERTY_INVALID", what, { option: `properties.${name}` });
  }
  writeProperties(new BodyWriter(), "publish", properties);
}

const HARMLESS: ReadonlySet<string> = new Set(["OUTBOX_DROPPED", "OUTBOX_REPLACED", "MESSAGE_KEPT"]);

/** Used until the promise is created, immediately after. */
const nothing = (): void => undefined;

export class Publishing extends OutgoingMessage {
  private resolve: (result: PublishResult) => void = nothing;
  private reject: (error: MqttError) => void = nothing;
  /** Removes the listener from the signal, if there is one. */
  release: (() => void) | undefined;
  readonly result: Promise<PublishResult>;

  constructor(
    topic: string,
    payload: Uint8Array | string,
    qos: QoS,
    retain: boolean,
    properties: PublishProperties | undefined,
    expiresAt: number,
    /** Called when the message has its outcome. */
    private readonly settled: () => void,
  ) {
    super(topic, payload, qos, retain, properties, expiresAt);
    this.result = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  override delivered(reasonCode: number, properties: AckProperties | undefined): void {
    this.resolve({ qos: this.qos, reasonCode, properties });
    this.release?.();
    this.settled();
  }

  override failed(error: MqttError): void {
    // Losses that the application chose, and outcomes that are not losses, must not end the process as unhandled
    // rejections.
    if (HARMLESS.has(error.code)) this.result.catch(() => undefined);
    this.reject(this.count > 1 ? error : withFacts(error, this.topic, this.mayHaveArrived));
    this.release?.();
    this.settled();
  }

  /** Rejects the promise of a message that was already sent. The message itself is not cancelled. */
  giveUp(error: MqttError): void {
    this.reject(withFacts(error, this.topic, true));
  }
}

/**
 * Adds the facts of the message to the error. Does nothing if the error has facts already: several messages then share
 * it.
 */
function withFacts(error: MqttError, topic: string, mayHaveArrived: boolean): MqttError {
  return error.mayHaveArrived === undefined ? Object.assign(error, { topic, mayHaveArrived }) : error;
}

/** A message that an earlier process left. No caller waits for its promise. */
export class RestoredPublishing extends OutgoingMessage {
  constructor(
    stored: StoredMessage,
    private readonly onSettled: (error: MqttError | undefined) => void,
  ) {
    const { topic, payload, qos, retain, properties } = stored.packet;
    super(topic, payload, qos, retain, properties, stored.expiresAt);
    this.queuedAt = stored.queuedAt;
    this.sequence = stored.sequence;
    this.packetIdentifier = stored.packetIdentifier;
    this.mayHaveArrived = true; // the record does not show what an earlier process sent before it lost the session
    this.state = stored.state;
  }

  override delivered(): void {
    this.onSettled(undefined);
  }

  override failed(error: MqttError): void {
    this.onSettled(withFacts(error, this.topic, this.mayHaveArrived));
  }
}
