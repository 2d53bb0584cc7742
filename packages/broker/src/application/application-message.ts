/** A message as a subscription of the application receives it. */

import { PayloadError, type PublishProperties, type QoS } from "@aiko/mqtt";
import type { BrokerMessage } from "../messages/broker-message.js";

/** A message as a subscription of the application receives it. */
export class ApplicationMessage implements BrokerMessage {
  readonly topic: string;
  /** The payload. It belongs to the application. */
  readonly payload: Uint8Array;
  readonly qos: QoS;
  /** Whether it was retained when the application subscribed. */
  readonly retain: boolean;
  readonly properties: PublishProperties | undefined;
  readonly publisher: string | undefined;
  readonly publisherIdentity: string | undefined;

  constructor(message: BrokerMessage, retain: boolean) {
    this.topic = message.topic;
    this.payload = message.payload.slice(); // other recipients have the same bytes
    this.qos = message.qos;
    this.retain = retain;
    this.properties = message.properties && { ...message.properties };
    this.publisher = message.publisher;
    this.publisherIdentity = message.publisherIdentity;
  }

  /** Returns the payload as UTF-8 text. Invalid bytes become U+FFFD. */
  text(): string {
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(this.payload);
  }

  /**
   * Returns the payload parsed as JSON.
   *
   * @throws PayloadError PAYLOAD_NOT_JSON, whose `cause` is the SyntaxError of JSON.parse
   */
  json(): unknown {
    try {
      return JSON.parse(this.text());
    } catch (cause) {
      const { topic } = this;
      throw new PayloadError("PAYLOAD_NOT_JSON", `payload of "${topic}" is not valid JSON`, { topic, cause });
    }
  }
}
