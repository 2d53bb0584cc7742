/**
 * Request and response over topics. MQTT 5 uses Response Topic and Correlation Data [MQTT5 4.10]; earlier versions use
 * the topic convention in `convention.ts`. A responder supports both. The number of a request, which is also its
 * Correlation Data, is random. Any client with permission can publish to the response topic, and must not be able to
 * guess the number of a pending request.
 */

import type { QoS } from "../../codec/packets.js";
import type { ConnackProperties } from "../../codec/properties.js";
import { assertPayload } from "../../codec/publish-coder.js";
import { RefusedError, TimeoutError } from "../../errors.js";
import { assertFunction } from "../../options/option-error.js";
import { anything, assertKnown, holds, readOptions } from "../../options/option-rules.js";
import type { Platform } from "../../platform/platform.js";
import { NO_MATCHING_SUBSCRIBERS } from "../../reason-code.js";
import { quotable } from "../../topic/mqtt-string.js";
import { assertTopicFilter } from "../../topic/topic-filter.js";
import { assertTopicName } from "../../topic/topic-name.js";
import { AbortSource, assertNotAborted, onAbort, signalRule } from "../abort-source.js";
import type { Client } from "../client.js";
import {
  type ApplicationProperties,
  assertPublishProperties,
  type PublishOptions,
  qualityRule,
} from "../publishing.js";
import type { Message } from "../receiving/message.js";
import type { HandledSubscription, MessageHandler } from "../receiving/subscription.js";
import { subscribeRules } from "../receiving/subscriptions.js";
import { errorOf } from "./answer.js";
import {
  conventionalAnswers,
  conventionalRequest,
  conventionalRequests,
  readConventionalAnswer,
} from "./convention.js";
import type { RequestHandler, RequestOptions, RespondOptions } from "./request-options.js";
import { Responder } from "./responder.js";

interface Waiting {
  /** The topic of the request. */
  readonly topic: string;
  resolve(message: Message): void;
  reject(error: unknown): void;
}

const requestRules = {
  timeout: holds<number, number>(
    (value) => typeof value === "number" && value > 0,
    "must be a number of milliseconds greater than 0",
    10_000,
  ),
  signal: signalRule,
  qos: (name: string, value: unknown) => (value === undefined ? undefined : qualityRule(name, value)),
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
/** The topic level for responses on MQTT 5, unless the server specifies another. */
const RESPONSES = "response";

const CHARACTERS = "0123456789abcdefghijklmnopqrstuvwxyz";
/** 129 bits, so that a number cannot be guessed. */
const NUMBER_LENGTH = 25;

export class RequestResponse {
  /** The pending requests by number. The number is the Correlation Data, or the last level of the response's topic. */
  private readonly waiting = new Map<string, Waiting>();
  /** The subscriptions for responses, by topic filter. */
  private readonly inboxes = new Map<string, Promise<HandledSubscription>>();

  private readonly responders = new WeakMap<RequestHandler, Map<string, MessageHandler>>();

  constructor(
    private readonly client: Pick<Client, "publish" | "subscribe" | "waitFor" | "clientId" | "protocolVersion">,
    private readonly platform: Pick<Platform, "clock" | "random">,
    /** From the last CONNACK: the prefix for response topics [MQTT5 3.2.2.3.15], and the maximum QoS. */
    private readonly server: () => Pick<ConnackProperties, "responseInformation" | "maximumQoS">,
  ) {}

  async request(topic: string, payload: string | Uint8Array, options: RequestOptions): Promise<Message> {
    const { signal, qos, timeout, properties } = readOptions(requestRules, options);
    assertTopicName(topic);
    assertPayload(payload);
    assertPublishProperties(properties);
    assertNotAborted(signal);
    const number = this.draw();
    const answer = new Promise<Message>((resolve, reject) => this.waiting.set(number, { topic, resolve, reject }));
    answer.catch(() => undefined); // it may reject before this function awaits it
    const withdrawal = new AbortSource();
    const giveUp = (error: Error): void => {
      this.waiting.get(number)?.reject(error);
      withdrawal.abort(error); // a queued request is not sent: its response would be ignored
    };
    const expire = (): void => {
      const waited = `request "${quotable(topic)}": no response within timeout ${timeout} ms`;
      giveUp(new TimeoutError("REQUEST_TIMEOUT", waited, { topic }));
    };
    const timer = this.platform.clock.schedule(timeout, expire);
    const release = onAbort(signal, giveUp);
    try {
      await Promise.race([this.send(topic, payload, number, { qos, properties, signal: withdrawal }), answer]);
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
    const conventional = conventionalRequests(topicFilter);
    const filters = conventional === undefined ? [topicFilter] : [topicFilter, conventional];
    return this.client.subscribe(filters, { ...options, onMessage: this.responderFor(topicFilter, handler) });
  }

  /** Returns the same function for the same arguments, so that `subscribe` makes only one subscription. */
  private responderFor(topicFilter: string, handler: RequestHandler): MessageHandler {
    const known = this.responders.get(handler) ?? new Map<string, MessageHandler>();
    this.responders.set(handler, known);
    let onMessage = known.get(topicFilter);
    if (onMessage === undefined) {
      const responder = new Responder(this.client, topicFilter, handler);
      onMessage = (message, context) => responder.answer(message, context);
      known.set(topicFilter, onMessage);
    }
    return onMessage;
  }

  /** @throws RefusedError NO_RESPONDER */
  private async send(
    topic: string,
    payload: string | Uint8Array,
    number: string,
    { qos, properties, signal }: PublishOptions,
  ): Promise<void> {
    const { client } = this;
    if (client.protocolVersion === undefined) await client.waitFor("connected", { signal });
    const me = encodeURIComponent(client.clientId);
    const quality = (): QoS => qos ?? (this.server().maximumQoS === 0 ? 0 : 1);
    if (client.protocolVersion !== 5) {
      await this.openInbox(...conventionalAnswers(topic, me));
      await client.publish(conventionalRequest(topic, me, number), payload, { qos: quality(), signal });
      return;
    }
    const responseTopic = `${this.server().responseInformation ?? RESPONSES}/${me}`;
    await this.openInbox(responseTopic);
    const correlationData = Uint8Array.from(number, (digit) => digit.charCodeAt(0));
    const all: ApplicationProperties = { ...properties, responseTopic, correlationData };
    const { reasonCode } = await client.publish(topic, payload, { qos: quality(), properties: all, signal });
    if (reasonCode !== NO_MATCHING_SUBSCRIBERS) return;
    const rule = "no client subscribes to this topic; start the responder, or check the topic";
    const error = new RefusedError("NO_RESPONDER", reasonCode, `request "${quotable(topic)}": ${rule}`);
    throw Object.assign(error, { topic });
  }

  private async openInbox(...topicFilters: readonly [string, ...string[]]): Promise<void> {
    const [first] = topicFilters;
    let inbox = this.inboxes.get(first);
    if (inbox === undefined) {
      inbox = this.client.subscribe(topicFilters, { qos: 1, onMessage: (message) => this.receive(message) });
      this.inboxes.set(first, inbox);
      inbox.catch(() => this.inboxes.delete(first));
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
    const { number, isError } =
      correlationData === undefined
        ? readConventionalAnswer(message.topic)
        : { number: String.fromCharCode(...correlationData.subarray(0, NUMBER_LENGTH + 1)), isError: false };
    const waiting = this.waiting.get(number);
    if (waiting === undefined) return;
    const error = errorOf(message, isError, waiting.topic);
    if (error === undefined) waiting.resolve(message);
    else waiting.reject(error);
  }
}
