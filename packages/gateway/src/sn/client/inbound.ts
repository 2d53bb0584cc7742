/**
 * What a gateway sends without being asked: messages, identifiers of topics, and the end of QoS 2. Knows no states and
 * no exchanges.
 */

import { topicNameProblem } from "@aiko/mqtt/topic";
import type { PublishPacket, RegisterPacket, SnPacket } from "../packets.js";
import { Deliveries } from "./deliveries.js";
import type { Topics } from "./topics.js";

/** PUBACK and REGACK: the gateway's identifier stands for nothing, and its topic name is not valid [SN 5.3.10]. */
const INVALID_TOPIC = 2;
const NOT_SUPPORTED = 3;

export class Inbound {
  private readonly deliveries = new Deliveries();

  /** @param deliver takes a message that has not been delivered before; `topic` is its name if it is known */
  constructor(
    private readonly topics: Topics,
    private readonly send: (packet: SnPacket) => void,
    private readonly deliver: (packet: PublishPacket, topic: string | undefined) => void,
  ) {}

  published(packet: PublishPacket): void {
    const { topic } = packet;
    const name = this.nameOf(topic);
    if (name === undefined && topic.kind === "normal") {
      // The gateway registers the name again, and repeats the message.
      const { messageId } = packet;
      this.send({ type: "puback", topicId: topic.id, messageId, returnCode: INVALID_TOPIC });
      return;
    }
    const answer = this.deliveries.arrive(packet);
    if (answer === "new") this.deliver(packet, name);
    else if (answer !== undefined) this.send(answer);
  }

  registered({ topicId, messageId, topicName }: RegisterPacket): void {
    const isRight = topicId !== 0 && topicNameProblem(topicName) === undefined;
    if (isRight) this.topics.learn(topicId, topicName);
    this.send({ type: "regack", topicId, messageId, returnCode: isRight ? 0 : NOT_SUPPORTED });
  }

  released(messageId: number): void {
    this.send(this.deliveries.release(messageId));
  }

  /** The application is done with a message. */
  handled(packet: PublishPacket): void {
    const answer = this.deliveries.done(packet);
    if (answer !== undefined) this.send(answer);
  }

  /** A clean session begins. */
  clear(): void {
    this.deliveries.clear();
  }

  private nameOf(topic: PublishPacket["topic"]): string | undefined {
    if (topic.kind === "short") return topic.name;
    return topic.kind === "predefined" ? this.topics.predefined.get(topic.id) : this.topics.name(topic.id);
  }
}
