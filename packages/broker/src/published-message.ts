/** A message as the broker has it, from whoever published it until the last who gets it. */

import type { PublishProperties, QoS } from "@aiko/mqtt";
import type { PublishPacket, Will } from "@aiko/mqtt/codec";
import { OutgoingMessage } from "@aiko/mqtt/session";

export interface PublishedMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties: PublishProperties | undefined;
  /** In the clock's milliseconds; Infinity if it does not expire. */
  readonly expiresAt: number;
  /** Who published it; undefined for the broker itself. */
  readonly publisher: string | undefined;
}

export function publishedMessage(packet: PublishPacket, publisher: string, now: number): PublishedMessage {
  const { topic, payload, qos, retain, properties } = packet;
  return {
    topic,
    payload,
    qos,
    retain,
    properties,
    expiresAt: expiry(properties?.messageExpiryInterval, now),
    publisher,
  };
}

export function willMessage(will: Will, publisher: string, now: number): PublishedMessage {
  const { topic, payload, qos, retain } = will;
  const { willDelayInterval: _, ...properties } = will.properties ?? {};
  return {
    topic,
    payload,
    qos,
    retain,
    properties,
    expiresAt: expiry(properties.messageExpiryInterval, now),
    publisher,
  };
}

function expiry(seconds: number | undefined, now: number): number {
  return seconds === undefined ? Infinity : now + seconds * 1000;
}

/** One client's copy on its way. What the client makes of it concerns nobody: the publisher has had its answer. */
export class DeliveredMessage extends OutgoingMessage {
  override delivered(): void {}

  override failed(): void {}
}

/** The same message with bytes of its own, for keeping: the payload as it came pins the whole chunk it came in. */
export function forKeeping(message: PublishedMessage): PublishedMessage {
  return { ...message, payload: message.payload.slice() };
}
