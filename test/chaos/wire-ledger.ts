// Records what each side sent on the wire: how often each numbered message was sent as a new one, according to the
// rules of QoS 2. Packets with an identifier that is still open are resent and belong to one delivery; any other packet
// is a second delivery.
//
// Only certain events are counted. A packet is recorded when it arrives from its sender: it was sent, whatever happens
// to it later. The order of one side is known within a connection, and from one connection to the next. A packet that
// is read late from a connection, after a later one has had its CONNACK, was sent before that; it is recorded as sent
// and not counted otherwise.
import type { Packet } from "@aiko/mqtt/codec";
import type { Direction } from "../fixtures/lane.ts";
import { numberIn, topicOf } from "./numbered-message.ts";

type PublishPacket = Extract<Packet, { type: "publish" }>;

/** One direction of PUBLISH. */
export class Flow {
  /** The number of each identifier, from PUBLISH until PUBREL (QoS 2) or PUBACK (QoS 1). */
  private readonly open = new Map<number, number>();
  /** Deliveries by number. */
  private readonly deliveries = new Map<number, number>();
  /** Numbers that were recorded late. */
  private readonly late = new Set<number>();
  /** By number: the life of the receiver in which the PUBREC or PUBACK of its last delivery was first sent. */
  readonly acknowledged = new Map<number, number>();
  /** By topic: the highest number that was sent for the first time. */
  private readonly highest = new Map<string, number>();
  outOfOrder = 0;
  last = 0;

  publish(packet: PublishPacket): void {
    const { packetIdentifier } = packet;
    const number = numberIn(packet.payload);
    if (this.open.get(packetIdentifier) === number) return;
    this.open.set(packetIdentifier, number);
    const before = this.times(number);
    this.deliveries.set(number, before + 1);
    this.acknowledged.delete(number);
    this.last = Math.max(this.last, number);
    if (before > 0 || this.late.has(number)) return;
    const topic = topicOf(number); // on the wire there may be an alias instead
    if (number < (this.highest.get(topic) ?? 0)) this.outOfOrder++;
    else this.highest.set(topic, number);
  }

  /** The same, read from a connection when a later one is already in use. */
  publishLate(packet: PublishPacket): void {
    const number = numberIn(packet.payload);
    this.late.add(number);
    this.last = Math.max(this.last, number);
  }

  /** PUBACK or PUBREC was sent. */
  taken(packetIdentifier: number, life: number, isLast: boolean): void {
    const number = this.open.get(packetIdentifier);
    if (number !== undefined && !this.acknowledged.has(number)) this.acknowledged.set(number, life);
    if (isLast) this.open.delete(packetIdentifier);
  }

  released(packetIdentifier: number): void {
    this.open.delete(packetIdentifier);
  }

  forget(): void {
    this.open.clear();
  }

  /** The number of deliveries of this message. */
  times(number: number): number {
    return this.deliveries.get(number) ?? 0;
  }

  /** Whether the message was sent at all. */
  has(number: number): boolean {
    return this.deliveries.has(number) || this.late.has(number);
  }

  /** All messages that were sent. */
  get numbers(): number[] {
    return [...new Set([...this.deliveries.keys(), ...this.late])];
  }

  /** Messages that were sent as new ones more than once. */
  get repeated(): number[] {
    return [...this.deliveries].filter(([, times]) => times > 1).map(([number]) => number);
  }

  /** Deliveries after the first. */
  get doubled(): number {
    let doubled = 0;
    for (const count of this.deliveries.values()) doubled += count - 1;
    return doubled;
  }
}

export class WireLedger {
  readonly published = new Flow();
  readonly received = new Flow();
  /** The number of the client process. */
  life = 0;
  /** The latest connection that has had its CONNACK. */
  private current = 0;

  /** A packet arrived from its sender over the connection with this number. */
  came(direction: Direction, packet: Packet, connection: number): void {
    const [sent, answered] =
      direction === "toServer" ? [this.published, this.received] : [this.received, this.published];
    if (connection < this.current) {
      if (packet.type === "publish") sent.publishLate(packet);
      return;
    }
    switch (packet.type) {
      case "connack":
        if (packet.reasonCode === 0) this.opened(connection, packet.sessionPresent);
        break;
      case "publish":
        sent.publish(packet);
        break;
      case "puback":
        answered.taken(packet.packetIdentifier, this.life, true);
        break;
      case "pubrec":
        answered.taken(packet.packetIdentifier, this.life, packet.reasonCode >= 0x80);
        break;
      case "pubrel":
        sent.released(packet.packetIdentifier);
        break;
      default:
    }
  }

  private opened(connection: number, sessionPresent: boolean): void {
    this.current = connection;
    if (sessionPresent) return;
    this.published.forget();
    this.received.forget();
  }
}
