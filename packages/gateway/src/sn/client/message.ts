/** A message as the application receives it from an MQTT-SN gateway. */

import type { PublishPacket } from "../packets.js";

/** A message as the application receives it from an MQTT-SN gateway. */
export class SnMessage {
  /**
   * The topic name. Undefined if the gateway sent an identifier of its configuration, `predefinedId`, that the option
   * `predefined` does not have.
   */
  readonly topic: string | undefined;
  /** The predefined identifier, 1 … 65,534, if the message came with one. */
  readonly predefinedId: number | undefined;
  /** The payload. It belongs to the application. */
  readonly payload: Uint8Array;
  /** The QoS at which the gateway sent the message. */
  readonly qos: 0 | 1 | 2;
  /** Whether it is a retained message that was sent because of a subscription. */
  readonly retain: boolean;
  /** Whether the gateway may have sent the message before. */
  readonly dup: boolean;

  constructor(packet: PublishPacket, topic: string | undefined) {
    this.topic = topic;
    this.predefinedId = packet.topic.kind === "predefined" ? packet.topic.id : undefined;
    this.payload = packet.data;
    this.qos = packet.qos < 0 ? 0 : (packet.qos as 0 | 1 | 2);
    this.retain = packet.retain;
    this.dup = packet.dup;
  }

  /** Returns the payload as UTF-8 text. Invalid bytes become U+FFFD. */
  text(): string {
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(this.payload);
  }
}
