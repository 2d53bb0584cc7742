/**
 * The receiving half of a session, the same on either side: which QoS 2 messages are known already, and which
 * acknowledgements are owed. They are sent in the order the messages came, whatever order the application finishes them
 * in [MQTT-4.6.0-2, MQTT-4.6.0-3].
 */

import { forbidden } from "../../codec/cursor.js";
import { PUBACK, PUBCOMP, PUBREC, writeAcknowledgement, writeClientPacket } from "../../codec/encode.js";
import type { ProtocolVersion, PublishPacket, PubrelPacket } from "../../codec/packets.js";
import { ProtocolError } from "../../errors.js";
import { PACKET_IDENTIFIER_NOT_FOUND, RECEIVE_MAXIMUM_EXCEEDED } from "../../reason-code.js";
import type { SessionJournal } from "../journal/session-journal.js";
import type { Outlet } from "../outgoing/message-sender.js";
import { Queue } from "../queue.js";

/**
 * A received QoS 1 or 2 message, from PUBLISH until it is acknowledged and, at QoS 2, released. It stays the same
 * object across connections.
 */
export interface Delivery {
  readonly packetIdentifier: number;
  readonly qos: 1 | 2;
  /** Identifies the message if it arrives again. Undefined at QoS 1, and without a store. */
  readonly name: string | undefined;
  /** The connection on which PUBACK or PUBREC must be sent. Undefined once it was sent. */
  link: ReceiverLink | undefined;
  /** The reason code of the acknowledgement, once the application has finished. */
  reasonCode: number | undefined;
  /** At QoS 2, whether PUBREC was sent, on any connection. */
  isReceived: boolean;
}

/** The connection, as a receiver uses it. */
export interface ReceiverLink {
  readonly outlet: Outlet;
  readonly version: ProtocolVersion;
  /** The number of unacknowledged messages that the peer may send [MQTT5-3.3.4-9]. */
  readonly receiveMaximum: number;
  /**
   * The number of unacknowledged messages that are accepted from a peer that exceeds the limit; not less than
   * `receiveMaximum`.
   */
  readonly tolerated: number;
}

/** In place of a reason code: the message is not acknowledged. */
const WITHHELD = -1;

export class MessageReceiver {
  /** QoS 2 messages by packet identifier, from PUBLISH until PUBREL; made with the first, since many sessions see none. */
  private incoming: Map<number, Delivery> | undefined;
  /** In the order they came. Those whose `link` is another need no acknowledgement any more. */
  private owed = new Queue<Delivery>();
  private link: ReceiverLink | undefined;
  /** Identifiers known from before this connection, in a session that may be another. */
  private doubtful: Set<number> | undefined;
  /** How many messages came beyond the receive maximum, and were taken. */
  beyondMaximum = 0;
  /** QoS 1 messages of this connection whose PUBACK is owed. */
  private unacknowledged = 0;
  /** QoS 2 messages that came first over this connection and are unreleased: older ones do not count [MQTT5 4.9]. */
  private unreleased: Set<number> | undefined;

  constructor(private readonly journal: SessionJournal | undefined) {}

  restore(packetIdentifiers: readonly number[]): void {
    for (const packetIdentifier of packetIdentifiers)
      this.note({ packetIdentifier, qos: 2, name: undefined, link: undefined, reasonCode: 0, isReceived: true });
  }

  /**
   * @param resumed whether the peer still has this session
   * @param certain false if it may have another in its place: what is known of a message counts only until the peer sends one under its
   * identifier that it calls no repetition [MQTT-3.3.1-1]
   */
  opened(link: ReceiverLink, resumed: boolean, certain: boolean): void {
    this.link = link;
    if (!resumed) this.incoming = undefined;
    this.doubtful = certain || this.incoming === undefined ? undefined : new Set(this.incoming.keys());
  }

  lost(): void {
    this.link = undefined;
    this.owed = new Queue();
    this.unacknowledged = 0;
    this.unreleased = undefined;
  }

  /** A QoS 1 or 2 PUBLISH came. Returns what to give to the application, or undefined if it had this message before. */
  publish(packet: PublishPacket): Delivery | undefined {
    const { link } = this;
    if (link === undefined || packet.qos === 0) throw new Error("bug: no delivery to track");
    const { packetIdentifier, qos } = packet;
    if (qos === 2) {
      const known = this.incoming?.get(packetIdentifier);
      const isAnother = this.doubtful?.delete(packetIdentifier) && !packet.dup;
      if (isAnother) this.journal?.incoming.close(packetIdentifier);
      if (known !== undefined && !isAnother) {
        this.repeated(link, known);
        return undefined;
      }
    }
    const unfinished = this.unacknowledged + (this.unreleased?.size ?? 0);
    if (unfinished >= link.receiveMaximum) {
      if (unfinished >= link.tolerated) throw tooMany(link.receiveMaximum);
      this.beyondMaximum++;
    }
    const name = qos === 2 ? this.journal?.incoming.nameOf(packetIdentifier) : undefined;
    const delivery: Delivery = { packetIdentifier, qos, name, link, reasonCode: undefined, isReceived: false };
    this.owed.push(delivery);
    if (qos === 1) {
      this.unacknowledged++;
    } else {
      this.note(delivery);
      this.unreleased ??= new Set();
      this.unreleased.add(packetIdentifier);
    }
    return delivery;
  }

  /** The application has finished; what is first in the order, and finished, is acknowledged. */
  finished(delivery: Delivery, reasonCode: number): void {
    delivery.reasonCode = reasonCode;
    // It is not to be handled again by another process, though its acknowledgement may have to wait.
    if (this.isKnown(delivery) && isSuccess(reasonCode)) this.journal?.incoming.open(delivery.packetIdentifier);
    if (this.link !== undefined && delivery.link === this.link) this.acknowledgeInOrder(this.link);
    else if (!isSuccess(reasonCode)) this.returned(delivery); // nothing was said of it: the peer sends it again, and it is the same one
  }

  /**
   * The application does not take the message, and the peer is to send it again over a later connection: it stays unacknowledged, and
   * holds nothing up that came after it.
   */
  withheld(delivery: Delivery): void {
    this.finished(delivery, WITHHELD);
  }

  /**
   * The application never saw the message. Whether it is to be acknowledged over the present connection; else it is forgotten, so that it
   * is delivered when the peer sends it again.
   */
  returned(delivery: Delivery): boolean {
    if (this.link !== undefined && delivery.link === this.link) return true;
    if (this.isKnown(delivery)) this.incoming?.delete(delivery.packetIdentifier);
    return false;
  }

  pubrel(packet: PubrelPacket): void {
    const { link } = this;
    if (link === undefined) return;
    const { packetIdentifier } = packet;
    const known = this.incoming?.get(packetIdentifier);
    if (known?.link === link) {
      if (!known.isReceived)
        throw forbidden(`pubrel: packetIdentifier ${packetIdentifier} has not been acknowledged with PUBREC`);
      known.link = undefined;
    }
    const { out } = link.outlet;
    if (known === undefined && link.version === 5) {
      writeClientPacket(out, { type: "pubcomp", packetIdentifier, reasonCode: PACKET_IDENTIFIER_NOT_FOUND }, 5);
    } else {
      writeAcknowledgement(out, PUBCOMP, packetIdentifier);
    }
    if (known !== undefined) {
      this.forget(packetIdentifier);
      this.journal?.incoming.close(packetIdentifier);
    }
    link.outlet.touch();
  }

  private acknowledgeInOrder(link: ReceiverLink): void {
    for (let first = this.owed.peek(); first !== undefined; first = this.owed.peek()) {
      const isOwed = first.link === link;
      if (isOwed && first.reasonCode === undefined) break;
      this.owed.shift();
      if (isOwed) this.acknowledge(link, first, first.reasonCode as number);
    }
    link.outlet.touch();
  }

  private acknowledge(link: ReceiverLink, delivery: Delivery, reasonCode: number): void {
    const { packetIdentifier, qos } = delivery;
    delivery.link = undefined;
    if (qos === 1) this.unacknowledged--;
    // Before MQTT 5 a failure cannot be said. What is not acknowledged, the peer sends again after the next connection.
    const isSaid = reasonCode !== WITHHELD && (isSuccess(reasonCode) || link.version === 5);
    if (this.isKnown(delivery)) this.settle(delivery, reasonCode, isSaid);
    if (!isSaid) return;
    const { out } = link.outlet;
    if (reasonCode === 0 || link.version !== 5) {
      writeAcknowledgement(out, qos === 1 ? PUBACK : PUBREC, packetIdentifier);
    } else {
      writeClientPacket(out, { type: qos === 1 ? "puback" : "pubrec", packetIdentifier, reasonCode }, 5);
    }
  }

  /** A QoS 2 message is taken over; or refused, and so forgotten. */
  private settle(delivery: Delivery, reasonCode: number, isSaid: boolean): void {
    const { packetIdentifier } = delivery;
    if (isSuccess(reasonCode)) {
      delivery.isReceived = true;
      this.journal?.incoming.open(packetIdentifier); // again, if a store that failed does not have it yet
      return;
    }
    this.forget(packetIdentifier);
    if (isSaid) this.journal?.incoming.close(packetIdentifier); // another message may come under it
  }

  /** The peer sent a QoS 2 message again, over this connection or after a lost one. */
  private repeated(link: ReceiverLink, known: Delivery): void {
    if (known.link === link) return; // its PUBREC is still to come
    known.link = link; // PUBREC takes this repetition's place in the order
    this.owed.push(known);
    this.acknowledgeInOrder(link);
  }

  /** Whether it is the QoS 2 message that stands under its identifier. */
  private isKnown(delivery: Delivery): boolean {
    return delivery.qos === 2 && this.incoming?.get(delivery.packetIdentifier) === delivery;
  }

  private note(delivery: Delivery): void {
    this.incoming ??= new Map();
    this.incoming.set(delivery.packetIdentifier, delivery);
  }

  private forget(packetIdentifier: number): void {
    this.incoming?.delete(packetIdentifier);
    this.unreleased?.delete(packetIdentifier);
  }
}

function isSuccess(reasonCode: number): boolean {
  return reasonCode >= 0 && reasonCode < 0x80;
}

function tooMany(receiveMaximum: number): ProtocolError {
  return new ProtocolError(
    "RECEIVE_MAXIMUM_EXCEEDED",
    RECEIVE_MAXIMUM_EXCEEDED,
    `publish: more than receiveMaximum ${receiveMaximum} messages unacknowledged [MQTT5-3.3.4-9]`,
  );
}
