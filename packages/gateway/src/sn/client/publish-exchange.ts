/** A message to the gateway: REGISTER if its topic has no identifier yet, PUBLISH, and the handshake of its QoS [SN 6.5, 6.6]. */

import { ProtocolError, UsageError } from "@aiko/mqtt";
import { type FilterTopic, type PublishTopic, RETURN_CODES, type SnPacket, type SnQoS } from "../packets.js";
import { type Exchange, FINISH, IGNORE, REPEAT, refused, type Step } from "./exchange.js";
import type { Topics } from "./topics.js";

export interface Publication {
  readonly topic: FilterTopic;
  readonly payload: Uint8Array;
  readonly qos: SnQoS;
  readonly retain: boolean;
}

export class PublishExchange implements Exchange {
  readonly what: string;
  readonly topic: string | undefined;
  /** REGISTER, while it has no answer. */
  private registering: RegisterExchange | undefined;
  private isReceived = false;
  private messageId = 0;
  private wasForgotten = false;

  /** @param nextId returns a message identifier */
  constructor(
    private readonly publication: Publication,
    private readonly topics: Topics,
    private readonly nextId: () => number,
  ) {
    this.topic = topicName(publication.topic, topics);
    this.what = `PUBLISH to ${shownTopic(publication.topic)}`;
  }

  begin(): Step {
    const { topic } = this.publication;
    if (topic.kind !== "normal") return this.publish(topic);
    const id = this.topics.id(topic.name);
    return id === undefined ? this.register(topic.name) : this.publish({ kind: "normal", id });
  }

  receive(packet: SnPacket): Step {
    if (this.registering !== undefined) {
      const step = this.registering.receive(packet);
      return step.to === "finish" ? this.begin() : step;
    }
    if (!("messageId" in packet) || packet.messageId !== this.messageId) return IGNORE;
    if (this.isReceived) {
      if (packet.type === "pubrec") return REPEAT;
      return packet.type === "pubcomp" ? FINISH : IGNORE;
    }
    if (packet.type === "puback") return this.acknowledged(packet);
    if (packet.type !== "pubrec" || this.publication.qos !== 2) return IGNORE;
    this.isReceived = true;
    return { to: "send", packet: { type: "pubrel", messageId: this.messageId } };
  }

  private register(name: string): Step {
    this.registering = new RegisterExchange(name, this.topics, this.nextId());
    return this.registering.begin();
  }

  private publish(topic: PublishTopic): Step {
    const { qos, retain, payload: data } = this.publication;
    this.registering = undefined;
    this.messageId = qos > 0 ? this.nextId() : 0;
    const packet: SnPacket = { type: "publish", dup: false, qos, retain, topic, messageId: this.messageId, data };
    return qos > 0 ? { to: "send", packet } : { to: "finish", packet };
  }

  /** PUBACK also refuses a message of QoS 2 [SN 5.4.13]. */
  private acknowledged({ returnCode }: { readonly returnCode: number }): Step {
    const { topic, qos } = this.publication;
    if (returnCode === RETURN_CODES.accepted) return qos === 1 ? FINISH : IGNORE;
    if (returnCode !== RETURN_CODES.invalidTopicId || topic.kind !== "normal" || this.wasForgotten) {
      return refused("PUBLISH_REFUSED", this.what, returnCode);
    }
    // The gateway has forgotten the identifier, for example because it was restarted: once more with a new one.
    this.wasForgotten = true;
    const known = this.topics.id(topic.name);
    if (known !== undefined) this.topics.forget(known);
    return this.register(topic.name);
  }
}

/** REGISTER and REGACK. */
export class RegisterExchange implements Exchange {
  readonly what: string;

  constructor(
    readonly topic: string,
    private readonly topics: Topics,
    private readonly messageId: number,
  ) {
    this.what = `REGISTER of ${JSON.stringify(topic)}`;
  }

  begin(): Step {
    if (this.topics.id(this.topic) !== undefined) return FINISH;
    const { messageId, topic: topicName } = this;
    return { to: "send", packet: { type: "register", topicId: 0, messageId, topicName } };
  }

  receive(packet: SnPacket): Step {
    if (packet.type !== "regack" || packet.messageId !== this.messageId) return IGNORE;
    const { topicId, returnCode } = packet;
    if (returnCode !== RETURN_CODES.accepted) return refused("PUBLISH_REFUSED", this.what, returnCode);
    if (topicId === 0 || topicId === 0xffff) {
      const message = `REGACK: topicId ${topicId} names no topic [SN 5.3.11]`;
      return { to: "fail", error: new ProtocolError("PROTOCOL_ERROR", PROTOCOL_ERROR, message, { topic: this.topic }) };
    }
    this.topics.learn(topicId, this.topic);
    return FINISH;
  }
}

/** The reason code of MQTT 5 for what may be parsed, but not sent. */
const PROTOCOL_ERROR = 0x82;

/** Returns the name of a topic, if it is known. */
export function topicName(topic: FilterTopic, topics: Topics): string | undefined {
  return topic.kind === "predefined" ? topics.predefined.get(topic.id) : topic.name;
}

export function shownTopic(topic: FilterTopic): string {
  return topic.kind === "predefined" ? `predefined topic ${topic.id}` : JSON.stringify(topic.name);
}

/** The message at QoS -1, which has no exchange [SN 6.8]. @throws UsageError OPTION_INVALID */
export function withoutSession({ topic, payload: data, retain }: Publication): SnPacket {
  if (topic.kind === "normal") {
    const what = `topic ${shownTopic(topic)}: at QoS -1, it must be predefined or a short topic name of two octets`;
    throw new UsageError("OPTION_INVALID", what, { option: "topic", topic: topic.name });
  }
  return { type: "publish", dup: false, qos: -1, retain, topic, messageId: 0, data };
}
