/**
 * The receiving half of a session, on either side: which QoS 2 messages were received before, and which
 * acknowledgements are pending. Acknowledgements are sent in the order in which the messages arrived, even if the
 * application finishes them in another order [MQTT-4.6.0-2, MQTT-4.6.0-3].
 */

import { forbidden } from "../../codec/cursor.js";
import { PUBACK, PUBCOMP, PUBREC, writeAcknowledgement, writeClientPacket } from "../../codec/encode.js";
import type { ProtocolVersion, PublishPacket, PubrelPacket } from "../../codec/packets.js";
import type { AckProperties } from "../../codec/properties.js";
import { ProtocolError } from "../../errors.js";
import { PACKET_IDENTIFIER_NOT_FOUND, RECEIVE_MAXIMUM_EXCEEDED } from "../../reason-code.js";
import type { MessageJournal } from "../journal/message-journal.js";
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
  /** The properties of the acknowledgement, if it has a reason code other than 0. Only servers set them. */
  properties?: AckProperties | undefined;
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

/** Used instead of a reason code if the message is not acknowledged. */
const WITHHELD = -1;

export class MessageReceiver {
  /**
   * QoS 2 messages by packet identifier, from PUBLISH until PUBREL. Created with the first one, since many sessions
   * have none.
   */
  private incoming: Map<number, Delivery> | undefined;
  /** Pending acknowledgements in order of arrival. Deliveries with another `link` no longer need an acknowledgement. */
  private owed = new Queue<Delivery>();
  private link: ReceiverLink | undefined;
  /** Identifiers that were known before this connection, if the peer may have another session. */
  private doubtful: Set<number> | undefined;
  /** How many messages beyond the receive maximum were accepted. */
  beyondMaximum = 0;
  /** The number of QoS 1 messages of this connection whose PUBACK is pending. */
  private unacknowledged = 0;
  /** Unreleased QoS 2 messages that first arrived over this connection. Older ones do not count [MQTT5 4.9]. */
  private unreleased: Set<number> | undefined;

  constructor(private readonly journal: MessageJournal | undefined) {}

  /** The number of messages of this connection whose PUBACK or PUBREC is pending, and of those behind them. */
  get owing(): number {
    return this.owed.length;
  }

  restore(packetIdentifiers: readonly number[]): void {
    for (const packetIdentifier of packetIdentifiers)
      this.note({ packetIdentifier, qos: 2, name: undefined, link: undefined, reasonCode: 0, isReceived: true });
  }

  /**
   * @param resumed whether the peer still has this session
   * @param certain false if the peer may have another session instead. A known message then counts only until the peer
   * sends a message with its identifier and without DUP [MQTT-3.3.1-1]
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

  /**
   * Handles a QoS 1 or 2 PUBLISH. Returns what to pass to the application, or undefined if it already has this message.
   */
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

  /** Called when the application has finished. Acknowledges the finished messages at the front of the queue. */
  finished(delivery: Delivery, reasonCode: number): void {
    delivery.reasonCode = reasonCode;
    // Another process must not handle the message again, even if its acknowledgement has to wait.
    if (this.isKnown(delivery) && isSuccess(reasonCode)) this.journal?.incoming.open(delivery.packetIdentifier);
    if (this.link !== undefined && delivery.link === this.link) this.acknowledgeInOrder(this.link);
    else if (!isSuccess(reasonCode)) this.returned(delivery); // the peer redelivers it: it is the same message
  }

  /**
   * Called if the application does not take the message. It stays unacknowledged, so the peer redelivers it on a later
   * connection. It does not block acknowledgements of later messages.
   */
  withheld(delivery: Delivery): void {
    this.finished(delivery, WITHHELD);
  }

  /**
   * Called if the application never saw the message. Returns whether it must be acknowledged on the current connection.
   * If not, the message is forgotten, so that it is delivered when the peer sends it again.
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
    // Before MQTT 5 a failure cannot be reported. The peer resends unacknowledged messages on the next connection.
    const isSaid = reasonCode !== WITHHELD && (isSuccess(reasonCode) || link.version === 5);
    if (this.isKnown(delivery)) this.settle(delivery, reasonCode, isSaid);
    if (!isSaid) return;
    const { out } = link.outlet;
    if (reasonCode === 0 || link.version !== 5) {
      writeAcknowledgement(out, qos === 1 ? PUBACK : PUBREC, packetIdentifier);
    } else {
      const { properties } = delivery;
      writeClientPacket(out, { type: qos === 1 ? "puback" : "pubrec", packetIdentifier, reasonCode, properties }, 5);
    }
  }

  /** Accepts a QoS 2 message; or forgets it, if it was refused. */
  private settle(delivery: Delivery, reasonCode: number, isSaid: boolean): void {
    const { packetIdentifier } = delivery;
    if (isSuccess(reasonCode)) {
      delivery.isReceived = true;
      this.journal?.incoming.open(packetIdentifier); // again, if a failed store does not have it yet
      return;
    }
    this.forget(packetIdentifier);
    if (isSaid) this.journal?.incoming.close(packetIdentifier); // another message may use the identifier
  }

  /** Handles a repeated QoS 2 message, on this connection or after a lost one. */
  private repeated(link: ReceiverLink, known: Delivery): void {
    if (known.link === link) return; // its PUBREC is still pending
    known.link = link; // PUBREC takes the place of this repetition in the order
    this.owed.push(known);
    this.acknowledgeInOrder(link);
  }

  /** Returns whether this message is the one that its identifier currently belongs to. */
  private isKnown(delivery: Delivery): boolean {
    return delivery.qos === 2 && this.incoming?.get(delivery.packetIdentifier) === delivery;
  }

  private note(delivery: Delivery): void {
    this.incoming ??= new Map();
    this.incoming.set(delivery.packetIdentifier, delivery);
  }

  /** Forgets a QoS 2 message, so that it is delivered if the peer sends it again. */
  forget(packetIdentifier: number): void {
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
