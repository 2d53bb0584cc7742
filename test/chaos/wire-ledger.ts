// What the wire saw: how often each numbered message was really sent, by the rules of QoS 2, and what the server said of the
// session. Repetitions under an identifier that is still open are one delivery; any other is a second one.
import type { Packet } from "@aiko/mqtt/codec";
import type { Direction } from "../fixtures/lane.ts";
import { numberIn, topicOf } from "./numbered-message.ts";

/** One direction of PUBLISH. */
export class Flow {
  /** The number that each identifier stands for, from PUBLISH until PUBREL (QoS 2) or PUBACK (QoS 1). */
  private readonly open = new Map<number, number>();
  /** Deliveries by number. */
  readonly deliveries = new Map<number, number>();
  /** By number: the life of the receiver in which the PUBREC or PUBACK of its last delivery was sent first. */
  readonly acknowledged = new Map<number, number>();
  /** By topic: the highest number that was sent for the first time. */
  private readonly highest = new Map<string, number>();
  outOfOrder = 0;
  last = 0;

  publish(packet: Extract<Packet, { type: "publish" }>): void {
    const { packetIdentifier } = packet;
    const number = numberIn(packet.payload);
    if (this.open.get(packetIdentifier) === number) return;
    this.open.set(packetIdentifier, number);
    const before = this.deliveries.get(number) ?? 0;
    this.deliveries.set(number, before + 1);
    this.acknowledged.delete(number);
    if (before > 0) return;
    const topic = topicOf(number); // on the wire there may be an alias instead
    if (number < (this.highest.get(topic) ?? 0)) this.outOfOrder++;
    else this.highest.set(topic, number);
    this.last = Math.max(this.last, number);
  }

  /** PUBACK or PUBREC passed. */
  taken(packetIdentifier: number, life: number, refused: boolean): void {
    const number = this.open.get(packetIdentifier);
    if (number !== undefined && !this.acknowledged.has(number)) this.acknowledged.set(number, life);
    if (refused) this.open.delete(packetIdentifier);
  }

  released(packetIdentifier: number): void {
    this.open.delete(packetIdentifier);
  }

  forget(): void {
    this.open.clear();
  }

  /** Deliveries beyond the first. */
  get doubled(): number {
    let doubled = 0;
    for (const count of this.deliveries.values()) doubled += count - 1;
    return doubled;
  }
}

export class WireLedger {
  readonly published = new Flow();
  readonly received = new Flow();
  /** What each CONNACK said of the session. */
  readonly sessions: boolean[] = [];
  /** Which life of the client process it is. */
  life = 0;

  passed(direction: Direction, packet: Packet): void {
    const toServer = direction === "toServer";
    switch (packet.type) {
      case "publish":
        (toServer ? this.published : this.received).publish(packet);
        break;
      case "puback":
        (toServer ? this.received : this.published).taken(packet.packetIdentifier, this.life, true);
        break;
      case "pubrec":
        (toServer ? this.received : this.published).taken(
          packet.packetIdentifier,
          this.life,
          packet.reasonCode >= 0x80,
        );
        break;
      case "pubrel":
        (toServer ? this.published : this.received).released(packet.packetIdentifier);
        break;
      case "connack":
        this.sessions.push(packet.sessionPresent);
        if (packet.sessionPresent || packet.reasonCode !== 0) break;
        this.published.forget();
        this.received.forget();
        break;
      default:
    }
  }
}
