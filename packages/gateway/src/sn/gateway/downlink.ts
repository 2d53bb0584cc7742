/**
 * Delivers messages to one client: one REGISTER or one PUBLISH of QoS 1 or 2 at a time, sent again until it is answered
 * [SN 6.10, 6.11, 6.13]. Knows nothing of sleep: it is opened when the client can be reached, and closed when it cannot.
 */

import type { Clock } from "@aiko/mqtt";
import { utf8Length } from "../../text/utf8.js";
import {
  type MessageIdPacket,
  type PublishTopic,
  RETURN_CODES,
  type SnPacket,
  type TopicAckPacket,
} from "../packets.js";
import type { ClientTopics } from "./client-topics.js";
import { Deadline } from "./deadline.js";
import { type Delivery, DeliveryQueue } from "./delivery-queue.js";
import type { SnReport, UndeliveredReason } from "./sn-report.js";
import type { SnSettings } from "./sn-settings.js";
import type { SnDelivery, SnMessage } from "./sn-uplink.js";

export interface DownlinkParts {
  readonly clock: Clock;
  readonly settings: Pick<SnSettings, "retry" | "retries" | "queue" | "maxDatagram" | "maxTopics">;
  readonly topics: ClientTopics;
  readonly report: Pick<SnReport, "undelivered" | "retried">;
  send(packet: SnPacket): void;
  /** Whether messages wait for the answer to a SUBSCRIBE: a simple client understands it only if it comes first. */
  isHeld(): boolean;
  /** Nothing waits any more. Is called while the downlink is open, and as soon as it is opened if nothing waits then. */
  drained(): void;
  /** The client has not answered, however often it was asked. */
  lost(): void;
}

type State =
  | { readonly at: "idle" }
  | { readonly at: "registering"; readonly delivery: Delivery; readonly topicId: number; readonly messageId: number }
  | { readonly at: "publishing"; readonly delivery: Delivery; readonly topic: PublishTopic; readonly messageId: number }
  /** PUBREC came, and PUBREL was sent: only PUBCOMP is missing. */
  | { readonly at: "releasing"; readonly delivery: Delivery; readonly messageId: number };

const IDLE: State = { at: "idle" };
/** The octets of a PUBLISH before its data [SN 5.4.12], of a REGISTER before its name [SN 5.4.10], and of a length beyond 255 octets. */
const PUBLISH_HEADER = 7;
const REGISTER_HEADER = 6;
const LONG_LENGTH = 2;
const SHORT_LIMIT = 255;
const LAST_MESSAGE_ID = 0xffff;

export class Downlink {
  private state: State = IDLE;
  private readonly queue: DeliveryQueue;
  private readonly retry: Deadline;
  private tries = 0;
  private isOpen = false;
  private isSending = false;
  private lastMessageId = 0;
  /** Names that the client has refused on this connection. */
  private readonly refused = new Set<string>();

  constructor(private readonly parts: DownlinkParts) {
    this.queue = new DeliveryQueue(parts.settings.queue);
    this.retry = new Deadline(parts.clock, () => this.again());
  }

  /** How many messages wait, including the one that is not acknowledged. */
  get waiting(): number {
    return this.queue.length + (this.state.at === "idle" ? 0 : 1);
  }

  /** Delivers a message as soon as possible. */
  add(message: SnMessage): Promise<SnDelivery> {
    return new Promise((settle) => {
      const dropped = this.queue.add({
        message,
        settle,
        messageId: undefined,
        isRegisteredAgain: false,
        isReceived: false,
      });
      for (const each of dropped) this.drop(each, "full");
      this.send();
    });
  }

  /** The client can be reached. What was not acknowledged is sent again. */
  open(): void {
    this.isOpen = true;
    const { state } = this;
    if (state.at === "releasing") {
      this.release(state.delivery, state.messageId);
      return;
    }
    if (state.at !== "idle") this.queue.restore(state.delivery);
    this.state = IDLE;
    this.send();
  }

  /** Messages are not held any more. */
  continue(): void {
    this.send();
  }

  /** The client cannot be reached. Answers that are under way still count. */
  close(): void {
    this.isOpen = false;
    this.retry.clear();
  }

  /** The client has connected: it may accept topics that it refused before. */
  renew(): void {
    this.refused.clear();
  }

  /** Forgets all messages: the session has ended. */
  forget(): void {
    const { state } = this;
    this.state = IDLE;
    this.retry.clear();
    if (state.at !== "idle") state.delivery.settle("forgotten");
    for (const { settle } of this.queue.drain()) settle("forgotten");
  }

  /** REGACK, and PUBACK. */
  acknowledged(packet: TopicAckPacket): void {
    if (packet.type === "regack") this.regack(packet);
    else this.puback(packet);
  }

  /** PUBREC, and PUBCOMP. */
  handshake({ type, messageId }: MessageIdPacket): void {
    const { state } = this;
    if (type === "pubcomp") {
      if (state.at === "releasing" && state.messageId === messageId) this.done(state.delivery);
      else this.queue.takeReceived(messageId)?.settle("delivered");
      return;
    }
    const repeated = this.repeated(messageId);
    if (state.at === "publishing" && state.messageId === messageId && state.delivery.message.qos === 2) {
      this.release(state.delivery, messageId);
    } else if (repeated !== undefined) {
      repeated.isReceived = true; // PUBLISH is not sent again
      this.parts.send({ type: "pubrel", messageId });
    } else if (state.at !== "releasing" || state.messageId === messageId) {
      // It is the answer to a PUBLISH that is over here. PUBREL ends it there too.
      this.parts.send({ type: "pubrel", messageId });
    }
  }

  /** The message of QoS 2 that waits to be sent again with this identifier. */
  private repeated(messageId: number): Delivery | undefined {
    const { state } = this;
    const isNext = state.at === "registering" && state.delivery.messageId === messageId;
    const delivery = isNext ? state.delivery : this.queue.find(messageId);
    return delivery?.message.qos === 2 ? delivery : undefined;
  }

  private regack({ messageId, returnCode }: TopicAckPacket): void {
    const { state, parts } = this;
    if (state.at !== "registering" || state.messageId !== messageId) return;
    const { delivery } = state;
    const { topic } = delivery.message;
    this.retry.clear();
    this.state = IDLE;
    if (returnCode === RETURN_CODES.accepted) {
      parts.topics.ids.told(topic);
      this.queue.restore(delivery);
    } else {
      if (returnCode !== RETURN_CODES.congestion && this.refused.size < parts.settings.maxTopics)
        this.refused.add(topic);
      this.drop(delivery, "refused");
    }
    this.send();
  }

  private puback({ topicId, messageId, returnCode }: TopicAckPacket): void {
    const { state, parts } = this;
    if (returnCode === RETURN_CODES.invalidTopicId) parts.topics.ids.untold(topicId);
    if (state.at !== "publishing" || state.messageId !== messageId) return;
    const { delivery, topic } = state;
    if (returnCode === RETURN_CODES.accepted) {
      if (delivery.message.qos === 1) this.done(delivery);
      return;
    }
    if (returnCode === RETURN_CODES.congestion) return; // it is sent again later
    this.retry.clear();
    this.state = IDLE;
    if (returnCode === RETURN_CODES.invalidTopicId && topic.kind === "normal" && !delivery.isRegisteredAgain) {
      parts.topics.ids.untold(topic.id);
      delivery.isRegisteredAgain = true;
      this.queue.restore(delivery);
    } else {
      this.drop(delivery, "refused");
    }
    this.send();
  }

  private done(delivery: Delivery): void {
    this.retry.clear();
    this.state = IDLE;
    delivery.settle("delivered");
    this.send();
  }

  /** Sends what can be sent. Ends: each round takes a message from the queue. */
  private send(): void {
    if (this.isSending) return;
    this.isSending = true;
    while (this.isOpen && this.state.at === "idle" && !this.parts.isHeld()) {
      const delivery = this.queue.next();
      if (delivery === undefined) {
        this.parts.drained();
        break;
      }
      this.begin(delivery);
    }
    this.isSending = false;
  }

  private begin(delivery: Delivery): void {
    const { topics, settings } = this.parts;
    const { topic: name, payload, qos } = delivery.message;
    if (delivery.isReceived && delivery.messageId !== undefined) {
      this.release(delivery, delivery.messageId);
      return;
    }
    if (this.refused.has(name)) {
      this.drop(delivery, "refused");
      return;
    }
    if (lengthOf(PUBLISH_HEADER + payload.length) > settings.maxDatagram) {
      this.drop(delivery, "too-long");
      return;
    }
    const found = topics.topicFor(name);
    if (found === undefined) {
      this.drop(delivery, "full");
    } else if (found.mustRegister && found.topic.kind === "normal") {
      if (lengthOf(REGISTER_HEADER + utf8Length(name)) > settings.maxDatagram) {
        this.drop(delivery, "too-long");
        return;
      }
      this.tries = 0;
      this.register({ at: "registering", delivery, topicId: found.topic.id, messageId: this.nextMessageId() });
    } else if (qos === 0) {
      this.publish(delivery, found.topic, 0, false);
      delivery.settle("delivered");
    } else {
      this.tries = 0;
      const isAgain = delivery.messageId !== undefined;
      const messageId = delivery.messageId ?? this.nextMessageId();
      delivery.messageId = messageId;
      this.state = { at: "publishing", delivery, topic: found.topic, messageId };
      this.publish(delivery, found.topic, messageId, isAgain);
      this.retry.set(settings.retry);
    }
  }

  private register(state: State & { readonly at: "registering" }): void {
    this.state = state;
    const { topicId, messageId, delivery } = state;
    this.parts.send({ type: "register", topicId, messageId, topicName: delivery.message.topic });
    this.retry.set(this.parts.settings.retry);
  }

  private publish({ message }: Delivery, topic: PublishTopic, messageId: number, dup: boolean): void {
    const { qos, retain, payload: data } = message;
    this.parts.send({ type: "publish", topic, messageId, qos, dup, retain, data });
  }

  private release(delivery: Delivery, messageId: number): void {
    this.state = { at: "releasing", delivery, messageId };
    this.tries = 0;
    this.parts.send({ type: "pubrel", messageId });
    if (this.isOpen) this.retry.set(this.parts.settings.retry);
  }

  /** No answer came. */
  private again(): void {
    const { state, parts } = this;
    if (state.at === "idle") return;
    if (this.tries >= parts.settings.retries) {
      parts.lost();
      return;
    }
    this.tries++;
    parts.report.retried();
    switch (state.at) {
      case "registering":
        this.register(state);
        return;
      case "publishing":
        this.publish(state.delivery, state.topic, state.messageId, true);
        break;
      case "releasing":
        parts.send({ type: "pubrel", messageId: state.messageId });
    }
    this.retry.set(parts.settings.retry);
  }

  private drop(delivery: Delivery, reason: UndeliveredReason): void {
    this.parts.report.undelivered(reason);
    delivery.settle("dropped");
  }

  private nextMessageId(): number {
    this.lastMessageId = this.lastMessageId >= LAST_MESSAGE_ID ? 1 : this.lastMessageId + 1;
    return this.lastMessageId;
  }
}

/** The octets of a message that has so many with a length of one octet. */
function lengthOf(size: number): number {
  return size + (size > SHORT_LIMIT ? LONG_LENGTH : 0);
}
