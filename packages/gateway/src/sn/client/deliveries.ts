/**
 * The messages that the gateway sends: which are new, and what acknowledges them. A message of QoS 2 is delivered once,
 * however often it comes, until PUBREL; one of QoS 1 may be delivered again after its PUBACK. Knows no topic names.
 */

import { type PublishPacket, RETURN_CODES, type SnPacket } from "../packets.js";

/**
 * Message identifiers that are remembered. A gateway has one unfinished message for each client [SN 6.6], so the oldest
 * belong to messages that it gave up.
 */
const MOST = 64;

/** What became of a message. `received`: PUBREC was sent, and PUBREL is awaited. */
type Progress = "delivered" | "received";

export class Deliveries {
  private readonly known = new Map<number, Progress>();

  /** Returns "new" if the message must be delivered, or the answer to a repetition, if there is one. */
  arrive({ qos, messageId }: PublishPacket): "new" | SnPacket | undefined {
    if (qos <= 0) return "new";
    const progress = this.known.get(messageId);
    if (progress === "delivered") return undefined; // acknowledged when the application is done
    if (progress === "received" && qos === 2) return { type: "pubrec", messageId };
    this.remember(messageId, "delivered");
    return "new";
  }

  /** The application is done with a message. Returns what acknowledges it; undefined if nothing does, or not any more. */
  done({ qos, messageId, topic }: PublishPacket): SnPacket | undefined {
    if (qos <= 0 || this.known.get(messageId) !== "delivered") return undefined;
    if (qos === 2) {
      this.known.set(messageId, "received");
      return { type: "pubrec", messageId };
    }
    this.known.delete(messageId);
    return { type: "puback", topicId: numberOf(topic), messageId, returnCode: RETURN_CODES.accepted };
  }

  /** PUBREL: the gateway does not send this message any more. It is answered even if the identifier is unknown. */
  release(messageId: number): SnPacket {
    // A PUBREL before PUBREC belongs to an earlier message with this identifier.
    if (this.known.get(messageId) === "received") this.known.delete(messageId);
    return { type: "pubcomp", messageId };
  }

  /** A clean session: its identifiers begin anew. */
  clear(): void {
    this.known.clear();
  }

  private remember(messageId: number, progress: Progress): void {
    if (this.known.size >= MOST) {
      for (const oldest of this.known.keys()) {
        this.known.delete(oldest);
        break;
      }
    }
    this.known.set(messageId, progress);
  }
}

/** The two octets that name the topic in PUBLISH and in PUBACK. */
function numberOf(topic: PublishPacket["topic"]): number {
  if (topic.kind !== "short") return topic.id;
  const [first = 0, second] = [...topic.name].map((character) => character.charCodeAt(0));
  // Two characters of one octet, or one character of two octets as UTF-8.
  return second === undefined ? (((first >> 6) | 0xc0) << 8) | (first & 0x3f) | 0x80 : (first << 8) | second;
}
