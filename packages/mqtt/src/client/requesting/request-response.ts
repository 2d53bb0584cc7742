/**
 * Request and response over topics. On MQTT 5 by Response Topic and Correlation Data [MQTT5 4.10]. Before it by a convention:
 * a request for TOPIC is published to `TOPIC/request/CLIENT/NUMBER`, its response to `TOPIC/response/CLIENT/NUMBER`, where CLIENT is
 * the requester's identifier, percent-encoded. A responder serves both. NUMBER, which is the Correlation Data too, is drawn at random:
 * anyone may publish to the topic of responses whom the server lets, and must not be able to guess which response is awaited.
 */

import type { QoS } from "../../codec/packets.js";
import { assertPayload } from "../../codec/publish-coder.js";
import { ProtocolError, TimeoutError } from "../../errors.js";
import { assertFunction } from "../../options/option-error.js";
import { anything, assertKnown, holds, readOptions } from "../../options/option-rules.js";
import type { Platform } from "../../platform/platform.js";
import { TOPIC_NAME_INVALID } from "../../reason-code.js";
import { quotable } from "../../topic/mqtt-string.js";
import { assertTopicFilter } from "../../topic/topic-filter.js";
import { assertTopicName } from "../../topic/topic-name.js";
import { assertNotAborted, onAbort, signalRule } from "../abort-source.js";
import type { Client } from "../client.js";
import { assertPublishProperties, qualityRule } from "../publishing.js";
import type { Message } from "../receiving/message.js";
import type { HandledSubscription } from "../receiving/subscription.js";
import { subscribeRules } from "../receiving/subscriptions.js";
import type { RequestHandler, RequestOptions, RespondOptions } from "./request-options.js";

interface Waiting {
  resolve(message: Message): void;
  reject(error: unknown): void;
}

const requestRules = {
  timeout: holds<number, number>(
    (value) => typeof value === "number" && value > 0,
    "must be a number, more than 0 milliseconds",
    10_000,
  ),
  signal: signalRule,
  qos: qualityRule,
  properties: anything<RequestOptions["properties"]>(),
} satisfies Record<keyof RequestOptions, unknown>;

const { qos, concurrency, handlerTimeout, properties, signal } = subscribeRules;
const respondRules = {
  qos,
  concurrency,
  handlerTimeout,
  properties,
  signal,
} satisfies Record<keyof RespondOptions, unknown>;
const REQUEST = "request";
const RESPONSE = "response";

const CHARACTERS = "0123456789abcdefghijklmnopqrstuvwxyz";
/** 129 bits, which nobody guesses. */
const NUMBER_LENGTH = 25;

export class RequestResponse {
  /** By number, which is the correlation data or the last level of the response's topic. */
  private readonly waiting = new Map<string, Waiting>();
  /** The subscriptions that responses come by, by topic filter. */
  private readonly inboxes = new Map<string, Promise<HandledSubscription>>();

  constructor(
    private readonly client: Pick<Client, "publish" | "subscribe" | "clientId" | "protocolVersion">,
    private readonly platform: Pick<Platform, "clock" | "random">,
    /** What the server said response topics should begin with [MQTT5 3.2.2.3.15]. */
    private readonly responseInformation: () => string | undefined,
  ) {}

  async request(topic: string, payload: string | Uint8Array, options: RequestOptions): Promise<Message> {
    const { signal, qos, timeout, properties } = readOptions(requestRules, options);
    assertTopicName(topic);
    assertPayload(payload);
    assertPublishProperties(properties);
    assertNotAborted(signal);
    const number = this.draw();
    const answer = new Promise<Message>((resolve, reject) => this.waiting.set(number, { resolve, reject }));
    answer.catch(() => undefined); // it may be rejected before this function comes to await it
    const expire = (): void => {
      const waited = `request "${topic}": no response within timeout ${timeout} ms`;
      this.waiting.get(number)?.reject(new TimeoutError("REQUEST_TIMEOUT", waited));
    };
    const timer = this.platform.clock.schedule(timeout, expire);
    const release = onAbort(signal, (error) => this.waiting.get(number)?.reject(error));
    try {
      await Promise.race([this.send(topic, payload, number, qos, properties), answer]);
      return await answer;
    } finally {
      this.waiting.delete(number);
      timer.cancel();
      release();
    }
  }

  async respond(topicFilter: string, handler: RequestHandler, options: RespondOptions): Promise<HandledSubscription> {
    assertTopicFilter(topicFilter);
    assertFunction("handler", handler);
    assertKnown(options, respondRules);
    const filters = topicFilter.endsWith("#") ? [topicFilter] : [topicFilter, `${topicFilter}/${REQUEST}/+/+`];
    return this.client.subscribe(filters, { ...options, onMessage: (message) => this.answer(message, handler) });
  }

  private async send(
    topic: string,
    payload: string | Uint8Array,
    number: string,
    qos: QoS,
    properties: RequestOptions["properties"],
  ): Promise<void> {
    const { client } = this;
    const me = encodeURIComponent(client.clientId);
    if (client.protocolVersion === 5) {
      const responseTopic = `${this.responseInformation() ?? RESPONSE}/${me}`;
      await this.openInbox(responseTopic);
      const correlationData = Uint8Array.from(number, (digit) => digit.charCodeAt(0));
      await client.publish(topic, payload, { qos, properties: { ...properties, responseTopic, correlationData } });
    } else {
      await this.openInbox(`${topic}/${RESPONSE}/${me}/+`);
      await client.publish(`${topic}/${REQUEST}/${me}/${number}`, payload, { qos });
    }
  }

  private async openInbox(topicFilter: string): Promise<void> {
    let inbox = this.inboxes.get(topicFilter);
    if (inbox === undefined) {
      inbox = this.client.subscribe(topicFilter, { qos: 1, onMessage: (message) => this.receive(message) });
      this.inboxes.set(topicFilter, inbox);
      inbox.catch(() => this.inboxes.delete(topicFilter));
    }
    await inbox;
  }

  private draw(): string {
    const { random } = this.platform;
    let number = "";
    while (number.length < NUMBER_LENGTH) number += CHARACTERS[Math.floor(random.next() * CHARACTERS.length)];
    return number;
  }

  private receive(message: Message): void {
    const { correlationData } = message.properties;
    const number =
      correlationData === undefined
        ? message.topic.slice(message.topic.lastIndexOf("/") + 1)
        : String.fromCharCode(...correlationData.subarray(0, NUMBER_LENGTH + 1));
    this.waiting.get(number)?.resolve(message);
  }

  /** Answers what is a request; other messages under the filter are none of its business. */
  private async answer(message: Message, handler: RequestHandler): Promise<void> {
    const { responseTopic, correlationData } = message.properties;
    const topic = responseTopic ?? conventionalResponse(message.topic);
    if (topic === undefined) return;
    if (topic.startsWith("$")) {
      // The requester chose it, and this client may have rights there that the requester does not have.
      const rule = 'a response is not published to a topic that begins with "$"';
      const which = `request "${quotable(message.topic)}": responseTopic "${quotable(topic)}"`;
      throw new ProtocolError(
        "TOPIC_NAME_REFUSED",
        TOPIC_NAME_INVALID,
        `${which}: ${rule}; the request is not answered`,
      );
    }
    const payload = await handler(message);
    const properties = correlationData === undefined ? undefined : { correlationData };
    await this.client.publish(topic, payload, { qos: message.qos, ...(properties && { properties }) });
  }
}

/** Where the response to a request by convention goes; undefined if the topic is not of that form. */
function conventionalResponse(topic: string): string | undefined {
  const levels = topic.split("/");
  const at = levels.length - 3;
  if (at < 1 || levels[at] !== REQUEST) return undefined;
  levels[at] = RESPONSE;
  return levels.join("/");
}
