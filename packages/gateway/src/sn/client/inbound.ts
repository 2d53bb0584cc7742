/**
 * What a gateway sends without being asked: messages, identifiers of topics, and the end of QoS 2. Knows no states and
 * no exchanges.
 */

import { topicNameProblem } from "@aiko/mqtt/topic";
import { type PublishPacket, RETURN_CODES, type RegisterPacket, type SnPacket } from "../packets.js";
import { Deliveries } from "./deliveries.js";
import type { Topics } from "./topics.js";

export class Inbound {
  private readonly deliveries = new Deliveries();

  /** @param deliver takes a message that has not been delivered before; `topic` is its name if it is known */
  constructor(
    private readonly topics: Topics,
    private readonly send: (packet: SnPacket) => void,
    private readonly deliver: (packet: PublishPacket, topic: string | undefined) => void,
  ) {}

  published(packet: PublishPacket, now: number): void {
    const { topic } = packet;
    const name = this.nameOf(topic);
    if (name === undefined && topic.kind === "normal") {
      // The gateway registers the name again, and repeats the message.
      const { messageId } = packet;
      this.send({ type: "puback", topicId: topic.id, messageId, returnCode: RETURN_CODES.invalidTopicId });
      return;
    }
    const answer = this.deliveries.arrive(packet, now);
    if (answer === "new") this.deliver(packet, name);
    else if (answer !== undefined) this.send(answer);
  }

  registered({ topicId, messageId, topicName }: RegisterPacket): void {
    const isRight = topicId !== 0 && topicNameProblem(topicName) === undefined;
    if (isRight) this.topics.learn(topicId, topicName);
    this.send({
      type: "regack",
      topicId,
      messageId,
      returnCode: isRight ? RETURN_CODES.accepted : RETURN_CODES.notSupported,
    });
  }

  released(messageId: number, now: number): void {
    this.send(this.deliveries.release(messageId, now));
  }

  /** The application is done with a message: the same object as it was delivered. */
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
