/**
 * A gateway for one client that loses nothing: it answers, and sends what the client publishes back to its subscriptions.
 * Datagrams arrive after a delay on the test's clock. A test may stop it from answering, and look at what came.
 */

import type { FakeClock } from "@aiko/mqtt/testing";
import { topicFilterMatches } from "@aiko/mqtt/topic";
import type { Datagram, DatagramListener } from "../../../src/sn/client/datagram.ts";
import { decodeFrame, encodeFrame } from "../../../src/sn/codec/frame.ts";
import type { FilterTopic, PublishPacket, PublishTopic, SnPacket } from "../../../src/sn/packets.ts";

const DELAY = 5;

/** What a gateway answers, without any network. */
export class Answers {
  readonly received: SnPacket[] = [];
  readonly names = new Map<number, string>();
  readonly predefined = new Map([
    [7, "seven"],
    [8, "eighth"],
  ]);
  private readonly filters: { readonly topic: FilterTopic; readonly qos: 0 | 1 | 2 }[] = [];
  private readonly kept: SnPacket[] = [];
  private isAsleep = false;
  private lastId = 100;

  /** Messages to send for a message of the client. */
  to(packet: SnPacket): SnPacket[] {
    this.received.push(packet);
    switch (packet.type) {
      case "connect":
        this.isAsleep = false;
        return packet.will ? [{ type: "willtopicreq" }] : [{ type: "connack", returnCode: 0 }, ...this.kept.splice(0)];
      case "willtopic":
        return [{ type: "willmsgreq" }];
      case "willmsg":
        return [{ type: "connack", returnCode: 0 }];
      case "willtopicupd":
        return [{ type: "willtopicresp", returnCode: 0 }];
      case "willmsgupd":
        return [{ type: "willmsgresp", returnCode: 0 }];
      case "register":
        return [{ ...packet, type: "regack", topicId: this.idOf(packet.topicName), returnCode: 0 }];
      case "publish":
        return [...this.acknowledged(packet), ...this.routed(packet)];
      case "pubrec":
        return [{ type: "pubrel", messageId: packet.messageId }];
      case "pubrel":
        return [{ type: "pubcomp", messageId: packet.messageId }];
      case "subscribe":
        return this.subscribed(packet.topic, packet.qos, packet.messageId);
      case "unsubscribe":
        return [{ type: "unsuback", messageId: packet.messageId }];
      case "pingreq":
        return packet.clientId === undefined ? [{ type: "pingresp" }] : [...this.kept.splice(0), { type: "pingresp" }];
      case "disconnect":
        this.isAsleep = packet.duration !== undefined;
        return [{ type: "disconnect" }];
      default:
        return [];
    }
  }

  /** A message that another client publishes. Returns what is sent now; the rest is kept for a sleeping client. */
  publish(name: string, text: string): SnPacket[] {
    const packets = this.filters
      .filter(({ topic }) => this.matches(topic, name))
      .flatMap(({ topic, qos }) => {
        const known = topic.kind === "normal" ? { kind: "normal" as const, id: this.idOf(name) } : topic;
        const registering: SnPacket[] =
          known.kind === "normal"
            ? [{ type: "register", topicId: known.id, messageId: this.lastId++, topicName: name }]
            : [];
        const data = new TextEncoder().encode(text);
        const common = { type: "publish", dup: false, retain: false, topic: known, data } as const;
        const messageId = qos > 0 ? this.lastId++ : 0;
        return [...registering, { ...common, qos, messageId }] as SnPacket[];
      });
    if (!this.isAsleep) return packets;
    this.kept.push(...packets);
    return [];
  }

  private idOf(name: string): number {
    for (const [id, each] of this.names) if (each === name) return id;
    const id = this.names.size + 1;
    this.names.set(id, name);
    return id;
  }

  private nameOf(topic: PublishTopic): string {
    if (topic.kind === "short") return topic.name;
    return (topic.kind === "normal" ? this.names : this.predefined).get(topic.id) ?? "";
  }

  private matches(topic: FilterTopic, name: string): boolean {
    if (topic.kind === "predefined") return this.predefined.get(topic.id) === name;
    return topicFilterMatches(topic.name, name);
  }

  private acknowledged({ qos, messageId, topic }: PublishPacket): SnPacket[] {
    if (qos === 2) return [{ type: "pubrec", messageId }];
    if (qos !== 1) return [];
    return [{ type: "puback", topicId: topic.kind === "short" ? 0 : topic.id, messageId, returnCode: 0 }];
  }

  private routed(packet: PublishPacket): SnPacket[] {
    return this.publish(this.nameOf(packet.topic), new TextDecoder().decode(packet.data));
  }

  private subscribed(topic: FilterTopic, qos: 0 | 1 | 2, messageId: number): SnPacket[] {
    this.filters.push({ topic, qos });
    const isName = topic.kind === "normal" && !/[+#]/.test(topic.name);
    const topicId = isName ? this.idOf(topic.name) : 0;
    return [{ type: "suback", qos, topicId, messageId, returnCode: 0 }];
  }
}

/** The gateway at the other end of a client's datagrams. */
export class SmallGateway implements Datagram {
  readonly name = "memory";
  readonly answers = new Answers();
  /** Whether it hears and answers. */
  isThere = true;
  isOpen = false;
  private listener: DatagramListener | undefined;

  constructor(private readonly clock: FakeClock) {}

  get types(): string[] {
    return this.answers.received.map(({ type }) => type);
  }

  async open(listener: DatagramListener): Promise<void> {
    this.isOpen = true;
    this.listener = listener;
  }

  send(bytes: Uint8Array): void {
    const { packet } = decodeFrame(bytes);
    if (packet === undefined) throw new Error("the client sent a malformed message");
    this.clock.schedule(DELAY, () => {
      if (this.isThere) this.say(...this.answers.to(packet));
    });
  }

  async close(): Promise<void> {
    this.isOpen = false;
    this.listener = undefined;
  }

  say(...packets: SnPacket[]): void {
    for (const packet of packets) this.clock.schedule(DELAY, () => this.listener?.onDatagram(encodeFrame(packet)));
  }

  problem(error: Error): void {
    this.listener?.onProblem(error);
  }
}
