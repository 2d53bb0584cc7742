/**
 * The receiving half of a session: which QoS 2 messages were received before, and which acknowledgements are pending.
 * Acknowledgements are sent in the order in which the messages arrived, even if the application finishes them in
 * another order [MQTT-4.6.0-2, MQTT-4.6.0-3].
 */

import type { PublishPacket } from "../codec/packets.js";
import { PACKET_IDENTIFIER_NOT_FOUND } from "../reason-code.js";
import { acknowledgement, PUBACK, PUBCOMP, PUBREC } from "./client-packets.js";
import type { SmallVersion } from "./packet-writer.js";
import { fault } from "./reason-rules.js";

/** A QoS 1 or 2 message that was passed to the application. */
export interface Delivery {
  readonly packetIdentifier: number;
  readonly qos: 1 | 2;
  /** The reason code of the acknowledgement; undefined until the application has finished. */
  reasonCode: number | undefined;
}

/** Used instead of a reason code if the message was not passed to the application. */
export const NOT_GIVEN = -1;
const REFUSAL = 0x80;

export class IncomingMessages {
  /** QoS 2 messages by packet identifier, from PUBLISH until PUBREL. */
  readonly #unreleased = new Map<number, Delivery>();
  /** Messages whose PUBACK or PUBREC is still to be sent over this connection, in order of arrival. */
  readonly #owed = new Set<Delivery>();

  /** The unreleased messages of a session that the server may not have resumed. */
  #doubtful: Set<Delivery> | undefined;
  readonly #version: SmallVersion;
  readonly #write: (packet: Uint8Array) => void;

  constructor(version: SmallVersion, write: (packet: Uint8Array) => void) {
    this.#version = version;
    this.#write = write;
  }

  /** @param resumed whether the server resumed the session */
  opened(resumed: boolean): void {
    if (!resumed) this.#unreleased.clear();
  }

  /**
   * Called if the server may have another session. A PUBLISH without DUP is then a new message, even if its identifier
   * is known [MQTT-3.3.1-1].
   */
  doubt(): void {
    this.#doubtful = new Set(this.#unreleased.values());
  }

  lost(): void {
    this.#owed.clear();
  }

  /**
   * Handles a QoS 1 or 2 PUBLISH. Returns what to pass to the application, or undefined if it already has this message.
   */
  publish({ packetIdentifier, qos, dup }: PublishPacket): Delivery | undefined {
    let known = qos === 2 ? this.#unreleased.get(packetIdentifier) : undefined;
    if (known && !dup && this.#doubtful?.has(known)) known = undefined;
    const delivery = known ?? { packetIdentifier, qos: qos as 1 | 2, reasonCode: undefined };
    this.#owed.add(delivery);
    if (qos === 2) this.#unreleased.set(packetIdentifier, delivery);
    if (known === undefined) return delivery;
    this.#acknowledge(); // redelivered: its PUBREC may have been lost
    return undefined;
  }

  /**
   * Called when the application has finished with a message, perhaps after the connection that delivered it was lost.
   *
   * @param reasonCode NOT_GIVEN: the message is not acknowledged, so the server redelivers it over a later connection
   */
  finished(delivery: Delivery, reasonCode: number): void {
    delivery.reasonCode = reasonCode;
    if (!this.#owed.has(delivery) && reasonCode >= REFUSAL) this.#forget(delivery);
    this.#acknowledge();
  }

  pubrel(packetIdentifier: number): void {
    const delivery = this.#unreleased.get(packetIdentifier);
    if (delivery !== undefined) {
      // If the application has finished, PUBREC is still waiting for its turn. It may be a repetition of the one that
      // this PUBREL answers.
      if (this.#owed.delete(delivery) && delivery.reasonCode === undefined) throw fault("pubrel: not expected");
      this.#forget(delivery);
    }
    this.#write(
      acknowledgement(PUBCOMP, packetIdentifier, delivery || this.#version < 5 ? 0 : PACKET_IDENTIFIER_NOT_FOUND),
    );
  }

  #acknowledge(): void {
    for (const delivery of this.#owed) {
      const { packetIdentifier, qos, reasonCode } = delivery;
      if (reasonCode === undefined) break;
      this.#owed.delete(delivery);
      const refused = reasonCode >= REFUSAL;
      if (qos === 1 || refused) this.#forget(delivery);
      // A client cannot refuse a message before MQTT 5. Without an acknowledgement, the server redelivers it over the
      // next connection.
      if (reasonCode !== NOT_GIVEN && (!refused || this.#version === 5))
        this.#write(acknowledgement(qos === 1 ? PUBACK : PUBREC, packetIdentifier, this.#version < 5 ? 0 : reasonCode));
    }
  }

  #forget(delivery: Delivery): void {
    const { packetIdentifier } = delivery;
    if (this.#unreleased.get(packetIdentifier) === delivery) this.#unreleased.delete(packetIdentifier);
  }
}
