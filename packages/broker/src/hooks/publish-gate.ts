/** What happens to a message of a client before it is delivered: `authorizePublish` and `onPublish` decide. */

import type { Clock } from "@aiko/mqtt";
import type { BrokerClient } from "../clients/broker-client.js";
import { ownMessage } from "../messages/own-message.js";
import type { PublishedMessage } from "../messages/published-message.js";
import type { BrokerHooks, HookRefusal, MessageChange } from "./broker-hooks.js";
import { FAILED, isThenable, nonsense, publishRefusal } from "./hook-answers.js";
import type { OpenAnswers } from "./open-answers.js";

/** The message to deliver; why it is refused; or that the application has taken it. */
export type PublishVerdict = PublishedMessage | HookRefusal | "taken";

type Hooks = Pick<BrokerHooks, "authorizePublish" | "onPublish">;

export class PublishGate {
  private constructor(
    private readonly hooks: Hooks,
    private readonly answers: OpenAnswers,
    private readonly clock: Clock,
    private readonly maximumTopicLevels: number,
  ) {}

  /** Returns undefined if there are no such hooks. */
  static of(hooks: Hooks, answers: OpenAnswers, clock: Clock, maximumTopicLevels: number): PublishGate | undefined {
    const { authorizePublish, onPublish } = hooks;
    if (authorizePublish === undefined && onPublish === undefined) return undefined;
    return new PublishGate(hooks, answers, clock, maximumTopicLevels);
  }

  /** Never throws. The promise never rejects. */
  decide(client: BrokerClient, message: PublishedMessage): PublishVerdict | Promise<PublishVerdict> {
    const { authorizePublish } = this.hooks;
    if (authorizePublish === undefined) return this.pass(client, message);
    try {
      const answer: unknown = authorizePublish(client, message);
      if (!isThenable(answer)) return publishRefusal("authorizePublish", answer) ?? this.pass(client, message);
      const read = (value: unknown) => publishRefusal("authorizePublish", value) ?? this.pass(client, message);
      return this.answers.within<PublishVerdict>("authorizePublish", answer, read, FAILED);
    } catch (error) {
      return this.failed(error);
    }
  }

  private pass(client: BrokerClient, message: PublishedMessage): PublishVerdict | Promise<PublishVerdict> {
    const { onPublish } = this.hooks;
    if (onPublish === undefined) return message;
    try {
      const answer: unknown = onPublish(message, client);
      if (!isThenable(answer)) return this.read(answer, message);
      return this.answers.within<PublishVerdict>("onPublish", answer, (value) => this.read(value, message), FAILED);
    } catch (error) {
      return this.failed(error);
    }
  }

  private read(answer: unknown, message: PublishedMessage): PublishVerdict {
    if (answer === undefined || answer === true) return message;
    if (answer === "taken") return answer;
    if (answer === false) return publishRefusal("onPublish", answer) as HookRefusal;
    if (typeof answer !== "object" || answer === null)
      throw nonsense("onPublish", answer, 'true, false, "taken", { reasonCode } or a changed message');
    if ("reasonCode" in answer) return publishRefusal("onPublish", answer) as HookRefusal;
    if (answer === message) return message;
    // Otherwise, a refusal without its reason code would deliver the message.
    if (Object.keys(answer).some((name) => !(name in message)))
      throw nonsense("onPublish", answer, 'true, false, "taken", { reasonCode } or a changed message');
    return this.changed(message, answer);
  }

  private changed(message: PublishedMessage, change: MessageChange): PublishedMessage {
    const {
      topic = message.topic,
      payload = message.payload,
      qos = message.qos,
      retain = message.retain,
      properties = message.properties as MessageChange["properties"], // received messages have none of the others
    } = change;
    const options = { qos, retain, properties };
    const changed = ownMessage(topic, payload, options, this.maximumTopicLevels, this.clock.now());
    const { publisher, publisherIdentity } = message;
    return { ...changed, publisher, publisherIdentity };
  }

  private failed(error: unknown): HookRefusal {
    this.answers.report(error);
    return FAILED;
  }
}
