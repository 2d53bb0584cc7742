/**
 * The messages that the gateway sends: which are new, and what acknowledges them. A message of QoS 2 is delivered once,
 * however often it comes: until PUBREL, and a little longer for datagrams that are late. One of QoS 1 may be delivered
 * again after its PUBACK. Knows no topic names.
 */

import { type PublishPacket, RETURN_CODES, type SnPacket } from "../packets.js";

/**
 * Message identifiers that are remembered. A gateway has one unfinished message for each client [SN 6.6], so the oldest
 * belong to messages that are complete, or that it gave up.
 */
const MOST = 64;
/** Milliseconds for which a message of QoS 2 that is complete is still recognized. */
const LATE = 5_000;

interface Receipt {
  readonly packet: PublishPacket;
  /** "delivered": the application has it. "received": PUBREC was sent. "released": PUBREL came. */
  state: "delivered" | "received" | "released";
  /** When a released message is forgotten. */
  until: number;
}

export class Deliveries {
  private readonly receipts = new Map<number, Receipt>();

  /** Returns "new" if the message must be delivered, or the answer to a repetition, if there is one. */
  arrive(packet: PublishPacket, now: number): "new" | SnPacket | undefined {
    const { qos, messageId } = packet;
    if (qos <= 0) return "new";
    const known = this.receipts.get(messageId);
    if (known !== undefined && isRepeat(known, packet, now)) {
      return known.state === "delivered" ? undefined : { type: "pubrec", messageId };
    }
    this.receipts.delete(messageId);
    if (this.receipts.size >= MOST) this.forgetOldest();
    this.receipts.set(messageId, { packet, state: "delivered", until: Infinity });
    return "new";
  }

  /** The application is done with a message. Returns what acknowledges it; undefined if nothing does, or not any more. */
  done(packet: PublishPacket): SnPacket | undefined {
    const { qos, messageId, topic } = packet;
    const receipt = this.receipts.get(messageId);
    if (receipt?.packet !== packet || receipt.state !== "delivered") return undefined;
    if (qos === 2) {
      receipt.state = "received";
      return { type: "pubrec", messageId };
    }
    this.receipts.delete(messageId);
    return { type: "puback", topicId: numberOf(topic), messageId, returnCode: RETURN_CODES.accepted };
  }

  /** PUBREL: the gateway does not send this message any more. It is answered even if the identifier is unknown. */
  release(messageId: number, now: number): SnPacket {
    const receipt = this.receipts.get(messageId);
    // A PUBREL before PUBREC belongs to an earlier message with this identifier.
    if (receipt?.state === "received") {
      receipt.state = "released";
      receipt.until = now + LATE;
    }
    return { type: "pubcomp", messageId };
  }

  /** A clean session: its identifiers begin anew. */
  clear(): void {
    this.receipts.clear();
  }

  private forgetOldest(): void {
    for (const oldest of this.receipts.keys()) {
      this.receipts.delete(oldest);
      return;
    }
  }
}

/** Whether the gateway or the network has sent the message again. If not, the gateway uses the identifier again. */
function isRepeat({ packet, state, until }: Receipt, again: PublishPacket, now: number): boolean {
  if (packet.qos !== again.qos) return false;
  if (state !== "released" && again.dup) return true;
  return now < until && isEqual(packet, again);
}

function isEqual(one: PublishPacket, other: PublishPacket): boolean {
  if (one.topic.kind !== other.topic.kind || numberOf(one.topic) !== numberOf(other.topic)) return false;
  return one.data.length === other.data.length && one.data.every((byte, i) => byte === other.data[i]);
}

/** The two octets that name the topic in PUBLISH and in PUBACK. */
function numberOf(topic: PublishPacket["topic"]): number {
  if (topic.kind !== "short") return topic.id;
  const [first = 0, second] = [...topic.name].map((character) => character.charCodeAt(0));
  // Two characters of one octet, or one character of two octets as UTF-8.
  return second === undefined ? (((first >> 6) | 0xc0) << 8) | (first & 0x3f) | 0x80 : (first << 8) | second;
}
