/**
 * The receiving half of a session: which QoS 2 messages are known already, and which acknowledgements are owed. They are sent in the
 * order the messages came, whatever order the application finishes them in [MQTT-4.6.0-2, MQTT-4.6.0-3].
 */

import type { PublishPacket } from "../codec/packets.js";
import { PACKET_IDENTIFIER_NOT_FOUND } from "../reason-code.js";
import { acknowledgement, PUBACK, PUBCOMP, PUBREC } from "./client-packets.js";
import type { SmallVersion } from "./packet-writer.js";
import { fault } from "./reason-rules.js";

/** A QoS 1 or 2 message that the application has been given. */
export interface Delivery {
  readonly packetIdentifier: number;
  readonly qos: 1 | 2;
  /** What to acknowledge with; undefined until the application has finished. */
  reasonCode: number | undefined;
}

/** In place of a reason code: the application was not given the message. */
export const NOT_GIVEN = -1;
const REFUSAL = 0x80;

export class IncomingMessages {
  /** QoS 2 messages by packet identifier, from PUBLISH until PUBREL. */
  readonly #unreleased = new Map<number, Delivery>();
  /** Those whose PUBACK or PUBREC is still to go out over this connection, in the order they came. */
  readonly #owed = new Set<Delivery>();

  /** Of the former: those of a session that may not be the one that the server goes on with. */
  #doubtful: Set<Delivery> | undefined;
  readonly #version: SmallVersion;
  readonly #write: (packet: Uint8Array) => void;

  constructor(version: SmallVersion, write: (packet: Uint8Array) => void) {
    this.#version = version;
    this.#write = write;
  }

  /** @param resumed whether the server goes on with the session */
  opened(resumed: boolean): void {
    if (!resumed) this.#unreleased.clear();
  }

  /** The server's session may be another: what comes without DUP is new then, whatever its identifier [MQTT-3.3.1-1]. */
  doubt(): void {
    this.#doubtful = new Set(this.#unreleased.values());
  }

  lost(): void {
    this.#owed.clear();
  }

  /** A QoS 1 or 2 PUBLISH came. Returns what to give to the application, or undefined if it had this message before. */
  publish({ packetIdentifier, qos, dup }: PublishPacket): Delivery | undefined {
    let known = qos === 2 ? this.#unreleased.get(packetIdentifier) : undefined;
    if (known && !dup && this.#doubtful?.has(known)) known = undefined;
    const delivery = known ?? { packetIdentifier, qos: qos as 1 | 2, reasonCode: undefined };
    this.#owed.add(delivery);
    if (qos === 2) this.#unreleased.set(packetIdentifier, delivery);
    if (known === undefined) return delivery;
    this.#acknowledge(); // it came again, and its PUBREC may have been lost
    return undefined;
  }

  /**
   * The application has finished with a message, perhaps after the connection was lost that it came over.
   *
   * @param reasonCode NOT_GIVEN if it is not acknowledged, so that the server sends it again over a later connection
   */
  finished(delivery: Delivery, reasonCode: number): void {
    delivery.reasonCode = reasonCode;
    if (!this.#owed.has(delivery) && reasonCode >= REFUSAL) this.#forget(delivery);
    this.#acknowledge();
  }

  pubrel(packetIdentifier: number): void {
    const delivery = this.#unreleased.get(packetIdentifier);
    if (delivery !== undefined) {
      // If the application has finished, PUBREC waits for its turn, perhaps as a repetition of one that this answers.
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
      // Before MQTT 5 nobody can say no: without an acknowledgement, the message comes again with the next connection.
      if (reasonCode !== NOT_GIVEN && (!refused || this.#version === 5))
        this.#write(acknowledgement(qos === 1 ? PUBACK : PUBREC, packetIdentifier, this.#version < 5 ? 0 : reasonCode));
    }
  }

  #forget(delivery: Delivery): void {
    const { packetIdentifier } = delivery;
    if (this.#unreleased.get(packetIdentifier) === delivery) this.#unreleased.delete(packetIdentifier);
  }
}
