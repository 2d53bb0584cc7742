/**
 * The receiving half of a session, the same on either side: which QoS 2 messages are known already, and which
 * acknowledgements are owed. They are sent in the order the messages came, whatever order the application finishes them
 * in [MQTT-4.6.0-2, MQTT-4.6.0-3].
 */

import { forbidden } from "../codec/cursor.js";
import { PUBACK, PUBCOMP, PUBREC, writeAcknowledgement, writeClientPacket } from "../codec/encode.js";
import type { ProtocolVersion, PublishPacket, PubrelPacket } from "../codec/packets.js";
import { ProtocolError } from "../errors.js";
import { PACKET_IDENTIFIER_NOT_FOUND, RECEIVE_MAXIMUM_EXCEEDED } from "../reason-code.js";
import type { Outlet } from "./message-sender.js";
import { Queue } from "./queue.js";
import type { SessionJournal } from "./session-journal.js";

/** A QoS 1 or 2 message that the application has been given and has not finished with. */
export interface Delivery {
  readonly packetIdentifier: number;
  readonly qos: 1 | 2;
  /** Over which connection it came: an acknowledgement must not go out over another. */
  readonly link: ReceiverLink;
  /** What the message can be known by if it comes again; undefined at QoS 1, and without a store. */
  readonly name: string | undefined;
  /** The reason code to acknowledge with, once the application has finished. */
  reasonCode: number | undefined;
}

export interface ReceiverLink {
  readonly outlet: Outlet;
  readonly version: ProtocolVersion;
  /** How many unacknowledged messages the peer may send [MQTT5-3.3.4-9]. */
  readonly receiveMaximum: number;
  /** How many are taken from a peer that sends more all the same; not less than `receiveMaximum`. */
  readonly tolerated: number;
}

/** `delivered`: the application has it, or had it over an earlier connection. `received`: PUBREC is out, or may be sent. */
type Incoming = { at: "delivered"; by: Delivery } | { at: "received" };

/** Acknowledgements that may wait behind one that the application has not given: more than there are packet identifiers. */
const MOST_OWED = 131_072;
/** In place of a reason code: the message is not acknowledged. */
const WITHHELD = -1;

export class MessageReceiver {
  /** QoS 2 messages by packet identifier, from PUBLISH until PUBREL; made with the first, since many sessions see none. */
  private incoming: Map<number, Incoming> | undefined;
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
  /** What the application holds of an earlier connection, and what stands for it over the next. */
  private adopted: WeakMap<Delivery, Delivery> | undefined;

  constructor(private readonly journal: SessionJournal | undefined) {}

  restore(packetIdentifiers: readonly number[]): void {
    for (const identifier of packetIdentifiers) this.note(identifier, { at: "received" });
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
        this.repeated(link, packetIdentifier, known);
        return undefined;
      }
    }
    const unfinished = this.unacknowledged + (this.unreleased?.size ?? 0);
    if (unfinished >= link.receiveMaximum) {
      if (unfinished >= link.tolerated) throw tooMany(link.receiveMaximum);
      this.beyondMaximum++;
    }
    const name = qos === 2 ? this.journal?.incoming.nameOf(packetIdentifier) : undefined;
    const delivery: Delivery = { packetIdentifier, qos, link, name, reasonCode: undefined };
    this.owed.push(delivery);
    if (qos === 1) {
      this.unacknowledged++;
    } else {
      this.note(packetIdentifier, { at: "delivered", by: delivery });
      this.unreleased ??= new Set();
      this.unreleased.add(packetIdentifier);
    }
    return delivery;
  }

  /** The application has finished; what is first in the order, and finished, is acknowledged. */
  finished(delivery: Delivery, reasonCode: number): void {
    delivery.reasonCode = reasonCode;
    this.keepHandled(delivery, reasonCode);
    if (delivery.link !== this.link) {
      this.finishedLate(delivery);
      return;
    }
    this.acknowledgeInOrder(this.link);
  }

  /**
   * The application does not take the message, and the peer is to send it again over a later connection: it stays unacknowledged, and
   * holds nothing up that came after it.
   */
  withheld(delivery: Delivery): void {
    const current = this.latest(delivery);
    if (current.link === this.link) this.finished(current, WITHHELD);
    else this.returned(current);
  }

  /**
   * The application never saw the message. Returns what it is to be acknowledged by, if the connection for that is there; else the
   * message is forgotten, so that it is delivered when the peer sends it again.
   */
  returned(delivery: Delivery): Delivery | undefined {
    const current = this.latest(delivery);
    if (current.link === this.link) return current;
    const known = this.incoming?.get(current.packetIdentifier);
    if (known?.at === "delivered" && known.by === current) this.incoming?.delete(current.packetIdentifier);
    return undefined;
  }

  pubrel(packet: PubrelPacket): void {
    const { link } = this;
    if (link === undefined) return;
    const { packetIdentifier } = packet;
    const known = this.incoming?.get(packetIdentifier);
    if (known?.at === "delivered" && known.by.link === link) {
      throw forbidden(`pubrel: packetIdentifier ${packetIdentifier} has had no PUBREC yet`);
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
    for (let first = this.owed.peek(); first?.reasonCode !== undefined; first = this.owed.peek()) {
      this.owed.shift();
      this.acknowledge(link, first, first.reasonCode);
    }
    link.outlet.touch();
  }

  private acknowledge(link: ReceiverLink, delivery: Delivery, reasonCode: number): void {
    const { packetIdentifier, qos } = delivery;
    if (reasonCode === WITHHELD || (reasonCode >= 0x80 && link.version !== 5)) {
      this.withhold(delivery);
      return;
    }
    if (qos === 1) this.unacknowledged--;
    else this.settle(delivery, reasonCode);
    const { out } = link.outlet;
    if (reasonCode === 0 || link.version !== 5) {
      writeAcknowledgement(out, qos === 1 ? PUBACK : PUBREC, packetIdentifier);
    } else {
      writeClientPacket(out, { type: qos === 1 ? "puback" : "pubrec", packetIdentifier, reasonCode }, 5);
    }
  }

  /**
   * The application does not take a message, or failed with it, which before MQTT 5 cannot be said: it stays unacknowledged, and the
   * server sends it again after the next connection.
   */
  private withhold(delivery: Delivery): void {
    if (delivery.qos === 1) {
      this.unacknowledged--;
      return;
    }
    this.forget(delivery.packetIdentifier);
  }

  /** A QoS 2 message is taken over, or refused and so forgotten; one that only came again is settled already. */
  private settle(delivery: Delivery, reasonCode: number): void {
    const { packetIdentifier } = delivery;
    const known = this.incoming?.get(packetIdentifier);
    if (known?.at !== "delivered" || known.by !== delivery) return;
    if (reasonCode >= 0x80) {
      this.forget(packetIdentifier);
      this.journal?.incoming.close(packetIdentifier); // another message may come under it
    } else {
      this.note(packetIdentifier, { at: "received" });
      this.journal?.incoming.open(packetIdentifier);
    }
  }

  /** A message that was handled is not to be handled again by another process, though its acknowledgement may have to wait. */
  private keepHandled(delivery: Delivery, reasonCode: number): void {
    if (delivery.qos === 1 || reasonCode >= 0x80 || reasonCode === WITHHELD || this.journal === undefined) return;
    const known = this.incoming?.get(delivery.packetIdentifier);
    if (known?.at === "delivered" && known.by === delivery) this.journal.incoming.open(delivery.packetIdentifier);
  }

  /** The peer sent a QoS 2 message again, over this connection or after a lost one. */
  private repeated(link: ReceiverLink, packetIdentifier: number, known: Incoming): void {
    if (known.at === "delivered") {
      if (known.by.link === link) return; // its PUBREC is still to come
      // Over a new connection, its PUBREC takes this repetition's place in the order.
      const { name, reasonCode } = known.by;
      const delivery: Delivery = { packetIdentifier, qos: 2, link, name, reasonCode };
      this.adopted ??= new WeakMap();
      this.adopted.set(known.by, delivery);
      this.note(packetIdentifier, { at: "delivered", by: delivery });
      this.owed.push(delivery);
    } else {
      if (this.owed.length > MOST_OWED)
        throw forbidden(`publish: QoS 2 messages are repeated over one connection without end`);
      this.journal?.incoming.open(packetIdentifier); // a store that failed does not have it yet
      this.owed.push({ packetIdentifier, qos: 2, link, name: undefined, reasonCode: 0 });
    }
    this.acknowledgeInOrder(link);
  }

  /** How it stands with a QoS 2 message. */
  private note(packetIdentifier: number, incoming: Incoming): void {
    this.incoming ??= new Map();
    this.incoming.set(packetIdentifier, incoming);
  }

  private forget(packetIdentifier: number): void {
    this.incoming?.delete(packetIdentifier);
    this.unreleased?.delete(packetIdentifier);
  }

  /** What stands for the delivery now, however many connections later. */
  private latest(delivery: Delivery): Delivery {
    let latest = delivery;
    for (let next = this.adopted?.get(latest); next !== undefined; next = this.adopted?.get(latest)) latest = next;
    return latest;
  }

  /** The application finished a message after the connection it came over was lost. */
  private finishedLate(delivery: Delivery): void {
    const reasonCode = delivery.reasonCode as number;
    const successor = this.latest(delivery);
    if (successor !== delivery) {
      this.finished(successor, reasonCode);
      return;
    }
    if (delivery.qos !== 2) return;
    if (reasonCode >= 0x80)
      this.returned(delivery); // nothing was said of it: the peer sends it again, and it is the same one
    else this.settle(delivery, reasonCode); // its PUBREC follows when the peer sends it again
  }
}

function tooMany(receiveMaximum: number): ProtocolError {
  return new ProtocolError(
    "RECEIVE_MAXIMUM_EXCEEDED",
    RECEIVE_MAXIMUM_EXCEEDED,
    `publish: more than receiveMaximum ${receiveMaximum} messages unacknowledged [MQTT5-3.3.4-9]`,
  );
}
