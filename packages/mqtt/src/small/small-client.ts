/**
 * The small client: what most pages and devices need, with the same calls as the full client. Owns the subscriptions,
 * the listeners and the count of messages that the application has not finished with. The session makes the packets;
 * the connector sends them.
 */

/// <reference lib="esnext.disposable" preserve="true" />

import type { Client, DisconnectOptions } from "../client/client.js";
import type { ClientEvents, Connected } from "../client/client-events.js";
import type { PublishOptions, PublishResult } from "../client/publishing.js";
import type { FiltersGiven } from "../client/receiving/subscription.js";
import type { HandlerOptions, IteratorOptions } from "../client/receiving/subscriptions.js";
import type { ConnackPacket, PublishPacket, QoS, SubackPacket, UnsubackPacket } from "../codec/packets.js";
import type { ConnackProperties, PublishProperties } from "../codec/properties.js";
import type { MqttError } from "../errors.js";
import type { Listener } from "../event-emitter.js";
import type { Clock, Timer } from "../platform/clock.js";
import type { Platform } from "../platform/platform.js";
import {
  IMPLEMENTATION_SPECIFIC_ERROR,
  RECEIVE_MAXIMUM_EXCEEDED,
  SHARED_SUBSCRIPTIONS_NOT_SUPPORTED,
  WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED,
} from "../reason-code.js";
import { disconnectPacket, publishPacket, subscribePacket, unsubscribePacket } from "./client-packets.js";
import { type Delivery, NOT_GIVEN } from "./incoming-messages.js";
import { invalid } from "./packet-writer.js";
import { fault, refused } from "./reason-rules.js";
import { closedError, SmallConnector } from "./small-connector.js";
import {
  assertAmong,
  assertMessage,
  BOOLEAN,
  listOf,
  onAbort,
  parseSmallOptions,
  QOS,
  type SmallOptions,
  type SmallSettings,
  withDefaults,
} from "./small-options.js";
import { type SmallRequest, SmallSession } from "./small-session.js";
import {
  type Requested,
  SmallConsumer,
  type SmallHandledSubscription,
  type SmallMessage,
  type SmallSubscription,
} from "./small-subscription.js";
import { isShared, isTopicFilter, matcherOf } from "./topic-rules.js";

/** The events of the small client, with the same meaning as the full client's. */
export interface SmallEvents
  extends Pick<ClientEvents, "connected" | "disconnected" | "reconnecting" | "closed" | "error"> {
  unclaimed: SmallMessage;
  dropped: SmallMessage;
}

/** Options of `subscribe` without a handler. */
export interface SmallIteratorOptions
  extends Pick<IteratorOptions, "qos" | "noLocal" | "retainAsPublished" | "retainHandling" | "onMessage"> {}

/** Options of `subscribe` with a handler. */
export interface SmallHandlerOptions
  extends Pick<HandlerOptions, "qos" | "noLocal" | "retainAsPublished" | "retainHandling"> {
  /** Handles each message, one at a time. A message is acknowledged when the returned promise resolves. */
  readonly onMessage: (message: SmallMessage) => unknown;
}

/** Options of `subscribe`: with a handler, or without one. */
export type SmallSubscribeOptions = SmallHandlerOptions | SmallIteratorOptions;

/**
 * The small client. Its methods have the same meaning as those of the full client.
 * `docs/decisions/0007-the-small-client.md` lists the differences.
 */
export interface SmallClient
  extends Pick<Client, "clientId" | "connected" | "connect" | "publish" | typeof Symbol.asyncDispose> {
  /** Registers a listener; registering it again has no effect. Returns a function that removes it. */
  on<Name extends keyof SmallEvents>(name: Name, listener: Listener<SmallEvents[Name]>): () => void;
  /** Removes a listener. Does nothing if the listener is not registered. */
  off<Name extends keyof SmallEvents>(name: Name, listener: Listener<SmallEvents[Name]>): void;
  /**
   * Subscribes to one or several topic filters. Resolves at SUBACK. While offline, waits for a connection.
   *
   * @throws RefusedError if the server denies all filters, or has announced in CONNACK that it would deny one;
   * TransportError SUBSCRIBE_UNANSWERED after ten lost connections; UsageError if a filter or an option is not valid;
   * ClosedError
   */
  subscribe<Given extends string | readonly string[]>(
    topicFilters: FiltersGiven<Given>,
    options: SmallHandlerOptions,
  ): Promise<SmallHandledSubscription>;
  /**
   * Subscribes without a handler: the subscription is an async iterator over its messages.
   *
   * @throws the errors of `subscribe` with a handler
   */
  subscribe<Given extends string | readonly string[]>(
    topicFilters: FiltersGiven<Given>,
    options?: SmallSubscribeOptions,
  ): Promise<SmallSubscription>;
  /**
   * Ends all subscriptions of this client to these topic filters. Resolves at UNSUBACK.
   *
   * @throws RefusedError UNSUBSCRIBE_REFUSED, TransportError UNSUBSCRIBE_UNANSWERED, UsageError; they end in any case
   */
  unsubscribe<Given extends string | readonly string[]>(topicFilters: FiltersGiven<Given>): Promise<void>;
  /**
   * Waits up to `drainTimeout` milliseconds (default 5,000) for unacknowledged messages, sends DISCONNECT and closes.
   * Operations that are still pending then are rejected with CLIENT_CLOSED. While offline, it does not wait.
   *
   * @throws UsageError if an option is unknown, or if DISCONNECT cannot carry the reason code; the client stays open
   * then
   */
  disconnect(options?: Pick<DisconnectOptions, "reasonCode" | "drainTimeout">): Promise<void>;
}

type Writable<Fields> = { -readonly [Name in keyof Fields]: Fields[Name] };

type Answer<Type> = Extract<SubackPacket | UnsubackPacket, { readonly type: Type }>;

/** A message that no subscription matches. */
type Parked = readonly [packet: PublishPacket, delivery: Delivery];

const FUNCTION = ["function"];
const EVENTS = ["connected", "disconnected", "reconnecting", "closed", "error", "unclaimed", "dropped"];
/** The most messages, and bytes of topics and payloads, that may wait for the application before reading stops. */
const MOST_HELD = 1_000;
const MOST_HELD_BYTES = 4 * 2 ** 20;
/** If reading must go on, QoS 0 messages are dropped above this multiple of the limits. */
const OVERFLOW = 2;
/** Default options. */
const PUBLISHING = { qos: 0, retain: false, properties: undefined, signal: undefined };
const SUBSCRIBING = { qos: 0, onMessage: undefined, noLocal: false, retainAsPublished: false, retainHandling: 0 };
const DISCONNECTING = { reasonCode: 0, drainTimeout: 5_000 };
/** Milliseconds that messages of a resumed session wait for the application to subscribe again. */
const CLAIMING = 10_000;
/** Milliseconds that unmatched messages wait for `disconnect` after `unsubscribe`. */
const PARTING = 1_000;
/** Milliseconds that `unsubscribe` waits for running handlers. */
const HANDLERS_END = 5_000;
/** More messages than a server can have in flight. */
const TOO_MANY_HELD = 65_536;

export class SmallEngine implements SmallClient {
  readonly #settings: SmallSettings;
  readonly #clock: Clock;
  readonly #listeners = new Map(EVENTS.map((name) => [name, new Set<Listener<never>>()]));
  readonly #session: SmallSession;
  readonly #connector: SmallConnector;
  readonly #consumers = new Set<SmallConsumer>();
  #lastIdentifier = 0;
  #held = 0;
  #heldBytes = 0;
  #full = false;
  #paused = false;
  /** QoS 1 and 2 messages that wait for a later subscription, or for `disconnect`, which leaves them unacknowledged. */
  readonly #parked: Parked[] = [];
  /** While this timer runs, messages that no subscription matches are parked. */
  #claiming: Timer | undefined;
  /** The number of pending UNSUBACKs. Unmatched messages are parked while it is above 0. */
  #leaving = 0;
  /** Whether messages are no longer passed to the application. */
  #isStopping = false;
  #closing: Promise<void> | undefined;
  #drained: (() => void) | undefined;

  constructor(urls: string | readonly string[], options: SmallOptions, platform: Platform) {
    const settings = parseSmallOptions(urls, options, platform);
    this.#settings = settings;
    this.#clock = platform.clock;
    this.#session = new SmallSession(settings, {
      accepted: (connack) => this.#accepted(connack),
      connected: (connack) => this.#emit("connected", this.#describe(connack)),
      message: (packet, delivery) => this.#route(packet, delivery),
      changed: () => {
        this.#updateReading();
      },
    });
    this.#connector = new SmallConnector(
      settings,
      platform,
      this.#session,
      (name, value) => this.#emit(name, value),
      (error) => this.#finish(error),
    );
  }

  get clientId(): string {
    return this.#connector.clientId;
  }

  get connected(): boolean {
    return this.#connector.isOnline;
  }

  on<Name extends keyof SmallEvents>(name: Name, listener: Listener<SmallEvents[Name]>): () => void {
    assertAmong(EVENTS, { event: name });
    assertAmong(FUNCTION, { listener: typeof listener });
    this.#listeners.get(name)?.add(listener);
    return () => this.off(name, listener);
  }

  off<Name extends keyof SmallEvents>(name: Name, listener: Listener<SmallEvents[Name]>): void {
    this.#listeners.get(name)?.delete(listener);
  }

  async connect({ signal }: Parameters<Client["connect"]>[0] = this.#settings): Promise<Connected> {
    this.#assertOpen();
    return this.#describe(await this.#connector.start(signal));
  }

  publish(topic: string, payload: string | Uint8Array, options: PublishOptions = {}): Promise<PublishResult> {
    return new Promise((resolve, reject) => {
      this.#assertOpen(this.#held > 0); // handlers may publish while `disconnect` waits for them
      const { qos, retain, properties, signal } = withDefaults(options, PUBLISHING);
      assertMessage("", topic, qos, retain);
      const { version } = this.#settings;
      const now = this.#clock.now();
      const size = publishPacket(version, topic, payload, qos, retain, properties).length; // rejects invalid values now
      const kept: Writable<PublishProperties> = { ...properties };
      const body = typeof payload === "string" ? payload : payload.slice(); // the application may reuse its buffer
      const message: Parameters<SmallSession["publish"]>[0] = {
        packet: (identifier, dup, secondsLeft) => {
          if (secondsLeft < Infinity) kept.messageExpiryInterval = secondsLeft;
          return publishPacket(version, topic, body, qos, retain, kept, identifier, dup);
        },
        size,
        topic,
        qos,
        retain,
        expiresAt: now + (properties?.messageExpiryInterval ?? Infinity) * 1000,
        packetIdentifier: 0,
        sentAt: 0,
        settle: (error, answer) => {
          off();
          if (error) reject(error);
          else resolve({ qos, reasonCode: answer.reasonCode, properties: answer.properties });
        },
      };
      const off = onAbort(signal, (error) => {
        if (message.packetIdentifier === 0) message.settle = undefined; // not sent yet: skipped in the queue
        reject(error);
      });
      if (message.settle) this.#session.publish(message, now);
    });
  }

  async subscribe(
    topicFilters: string | readonly string[],
    options: SmallSubscribeOptions = {},
  ): Promise<SmallSubscription> {
    this.#assertOpen();
    const { onMessage, ...asked } = withDefaults(options, SUBSCRIBING);
    const { qos, noLocal, retainAsPublished, retainHandling } = asked;
    assertAmong(QOS, { qos, retainHandling });
    assertAmong(BOOLEAN, { noLocal, retainAsPublished });
    if (onMessage !== undefined) assertAmong(FUNCTION, { onMessage: typeof onMessage });
    const filters = filtersOf(topicFilters);
    const key = filters.join("\0"); // no filter contains "\0"
    for (const each of onMessage ? this.#consumers : [])
      if (each.answer && each.handler === onMessage && each.topicFilters.join("\0") === key) return each.answer;
    const consumer: SmallConsumer = new SmallConsumer(
      filters,
      ++this.#lastIdentifier,
      onMessage,
      () => this.#leave(filters, consumer),
      (error) => this.#report(error),
    );
    consumer.requests = filters.map((topicFilter) => ({
      ...asked,
      topicFilter,
      matches: matcherOf(topicFilter),
      consumer,
      identifier: consumer.identifier,
    }));
    this.#consumers.add(consumer);
    this.#unpark();
    return this.#ask(consumer);
  }

  async unsubscribe(topicFilters: string | readonly string[]): Promise<void> {
    this.#assertOpen();
    return this.#leave(filtersOf(topicFilters));
  }

  async disconnect(options: Pick<DisconnectOptions, "reasonCode" | "drainTimeout"> = {}): Promise<void> {
    const { reasonCode, drainTimeout } = withDefaults(options, DISCONNECTING);
    const { version, endsWithClient } = this.#settings;
    const packet = disconnectPacket(version, reasonCode, endsWithClient);
    this.#closing ??= this.#close(packet, drainTimeout);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.disconnect();
  }

  #assertOpen(isLateToo = false): void {
    if ((this.#isStopping && !isLateToo) || this.#connector.isStopped) throw closedError();
  }

  #accepted(connack: ConnackPacket): void {
    const mayLackThem = this.#connector.accepted(connack);
    this.#paused = false; // a new connection starts unpaused
    this.#updateReading();
    if (connack.sessionPresent && !this.#settings.cleanStart) this.#park(CLAIMING);
    if (!mayLackThem) return;
    this.#session.incoming.doubt();
    for (const consumer of this.#consumers)
      if (!consumer.asking) this.#ask(consumer, connack.sessionPresent).catch((error) => this.#report(error));
  }

  #describe({ sessionPresent, properties = {} }: ConnackPacket): Connected {
    return {
      server: this.#connector.server,
      protocolVersion: this.#settings.version,
      clientId: this.clientId,
      sessionPresent,
      properties,
    };
  }

  /** Reports an error, unless the client is closed. */
  #report(error: unknown): void {
    if (error !== undefined && !this.#connector.isStopped) this.#emit("error", error);
  }

  /** Calls the listeners. If one throws, reports that as `error`. An error that has no listener is logged. */
  #emit<Name extends keyof SmallEvents>(name: Name, value: SmallEvents[Name]): void {
    const listeners = [...(this.#listeners.get(name) ?? [])] as Listener<SmallEvents[Name]>[];
    if (name === "error" && listeners.length === 0) console.error(value);
    for (const listener of listeners)
      new Promise((resolve) => resolve(listener(value))).catch((error) => {
        if (name === "error") console.error(error);
        else this.#emit("error", error);
      });
  }

  /** Sends a SUBSCRIBE or UNSUBSCRIBE. @param outcome returns the error that the server's answer means, if any */
  #request<Type extends SmallRequest["answer"]>(
    answer: Type,
    topicFilters: readonly string[],
    packet: SmallRequest["packet"],
    outcome: (error: MqttError | undefined, answer: Answer<Type> | undefined) => MqttError | undefined,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle: SmallRequest["settle"] = (error, packet) => {
        const failure = outcome(error, packet as Answer<Type> | undefined);
        if (failure) reject(failure);
        else resolve();
      };
      this.#session.request({ answer, topicFilters, packet, settle }, this.#clock.now());
    });
  }

  /** @param again whether the server may have the subscription: it then sends no retained messages again (MQTT 5) */
  #ask(consumer: SmallConsumer, again?: boolean): Promise<SmallSubscription> {
    const { version } = this.#settings;
    const least = again && version === 5 ? 1 : 0;
    const requests = consumer.requests.map(
      (each) => ({ ...each, retainHandling: each.retainHandling || least }) as const,
    );
    consumer.asking = true;
    consumer.answer = this.#request(
      "suback",
      requests.map((each) => each.topicFilter),
      (packetIdentifier, limits) => {
        for (const { topicFilter } of requests) assertAvailable(limits, topicFilter);
        const named = version === 5 && limits.subscriptionIdentifiersAvailable !== false;
        const properties = named ? { subscriptionIdentifier: consumer.identifier } : undefined;
        return subscribePacket(version, packetIdentifier, requests, properties);
      },
      (error, suback) => {
        consumer.asking = false;
        if (suback) {
          consumer.granted = requests.map(({ topicFilter }, i) => {
            const reasonCode = suback.reasonCodes[i] as number;
            const error = refused("SUBSCRIBE_REFUSED", `topicFilter "${topicFilter}"`, reasonCode, suback.properties);
            if (error) consumer.requests = consumer.requests.filter((each) => each.topicFilter !== topicFilter);
            else
              for (const each of this.#requests)
                if (each.topicFilter === topicFilter) each.identifier = consumer.identifier;
            return { topicFilter, reasonCode, qos: error ? undefined : (reasonCode as QoS), error };
          });
        }
        const denial = consumer.requests.length > 0 ? undefined : consumer.granted[0]?.error;
        const failure = error && again ? undefined : (error ?? denial); // the session still has the subscription
        if (failure) this.#drop(consumer, failure, again === undefined); // discards what arrived for a new subscription
        return failure;
      },
    ).then(() => consumer);
    return consumer.answer;
  }

  /** Ends these filters in one subscription, or in all. A filter that another subscription uses stays at the server. */
  async #leave(topicFilters: readonly string[], only?: SmallConsumer): Promise<void> {
    if (only && !this.#consumers.has(only)) return;
    const ended: SmallConsumer[] = [];
    this.#leaving++;
    for (const consumer of only ? [only] : this.#consumers) {
      consumer.requests = consumer.requests.filter((each) => !topicFilters.includes(each.topicFilter));
      if (consumer.requests.length > 0) continue;
      this.#drop(consumer, undefined, true);
      ended.push(consumer);
    }
    const unshared = topicFilters.filter((filter) => !this.#requests.some((each) => each.topicFilter === filter));
    try {
      if (unshared.length > 0)
        await this.#request(
          "unsuback",
          unshared,
          (packetIdentifier) => unsubscribePacket(this.#settings.version, packetIdentifier, unshared),
          (error, unsuback) =>
            error ??
            refused(
              "UNSUBSCRIBE_REFUSED",
              `topicFilters "${unshared}"`,
              Math.max(0, ...(unsuback?.reasonCodes ?? [])),
              unsuback?.properties,
            ),
        );
    } finally {
      this.#leaving--;
      this.#park(PARTING);
    }
    await Promise.all(ended.map((each) => this.#within(HANDLERS_END, (done) => each.whenIdle(done))));
  }

  get #requests(): readonly Requested[] {
    return [...this.#consumers].flatMap((each) => each.requests);
  }

  #drop(consumer: SmallConsumer, error: MqttError | undefined, discard = false): void {
    this.#consumers.delete(consumer);
    consumer.close(error, discard);
  }

  /** Parks messages that no subscription matches for this many milliseconds. */
  #park(delay: number): void {
    this.#claiming ??= this.#clock.schedule(delay, () => {
      this.#claiming = undefined;
      this.#unpark();
    });
  }

  /** Routes the parked messages again. */
  #unpark(): void {
    for (const each of this.#parked.splice(0)) this.#give(...each);
  }

  #route(packet: PublishPacket, delivery: Delivery | undefined): void {
    if (this.#held > TOO_MANY_HELD) throw fault("publish: not expected", RECEIVE_MAXIMUM_EXCEEDED);
    if (!delivery && (this.#held > OVERFLOW * MOST_HELD || this.#heldBytes > OVERFLOW * MOST_HELD_BYTES)) {
      this.#emit("dropped", messageOf(packet));
      return;
    }
    this.#hold(1, packet);
    this.#give(packet, delivery);
  }

  #give(packet: PublishPacket, delivery: Delivery | undefined): void {
    const message = messageOf(packet);
    const consumers = this.#isStopping ? [] : this.#consumersFor(packet);
    let left = Math.max(1, consumers.length);
    let reasonCode = NOT_GIVEN;
    const finished = (error?: unknown, code = error === undefined ? 0 : IMPLEMENTATION_SPECIFIC_ERROR): void => {
      reasonCode = Math.max(reasonCode, code);
      if (error !== undefined) this.#emit("error", error);
      if (--left > 0) return;
      if (reasonCode === NOT_GIVEN && !this.#isStopping) {
        if (delivery && (this.#claiming || this.#leaving > 0)) {
          this.#parked.push([packet, delivery]);
          return;
        }
        reasonCode = 0;
        this.#emit("unclaimed", message);
      }
      if (delivery) this.#session.incoming.finished(delivery, reasonCode);
      this.#hold(-1, packet);
    };
    if (consumers.length === 0) finished(undefined, NOT_GIVEN);
    for (const consumer of consumers) consumer.receive({ message, finished });
  }

  /**
   * Returns the consumers whose filter matches the topic. If the server names the subscriptions that a copy is for,
   * returns only those, because the server may send a separate copy for each subscription. Two subscriptions to one
   * filter are one subscription at the server.
   */
  #consumersFor({ topic, retain, properties }: PublishPacket): readonly SmallConsumer[] {
    const identifiers = properties?.subscriptionIdentifiers ?? [];
    const matching = this.#requests.filter(({ matches }) => matches(topic));
    const current = matching.filter(({ identifier }) => identifiers.includes(identifier));
    const replaced = matching.filter(({ consumer }) => identifiers.includes(consumer.identifier));
    const named = [current, replaced].find((each) => each.length) ?? matching;
    const meant = named.map((each) => each.topicFilter);
    // Retained messages that the server sends for a new subscription are only for that subscription [MQTT5-3.3.1-12].
    const kept = retain && replaced[0]?.retainAsPublished === false;
    const chosen = kept ? replaced : matching.filter((each) => meant.includes(each.topicFilter));
    return [...new Set(chosen.map((each) => each.consumer))];
  }

  /** Counts the messages that the application has not finished with, and the parked ones. */
  #hold(count: number, { topic, payload }: PublishPacket): void {
    this.#held += count;
    this.#heldBytes += count * (topic.length + payload.length);
    const part = this.#full ? 0.5 : 1;
    this.#full = this.#held > MOST_HELD * part || this.#heldBytes > MOST_HELD_BYTES * part;
    this.#updateReading();
  }

  /**
   * Checks whether `disconnect` still has to wait, and whether to stop reading. A full inbox stops reading, but not
   * while the client waits for the server: a handler may be waiting for that answer.
   */
  #updateReading(): void {
    if (!this.#isBusy) this.#drained?.();
    const pause = this.#full && this.#session.awaited === 0;
    if (pause === this.#paused) return;
    this.#paused = pause;
    this.#connector.setPaused(pause);
  }

  /** Whether `disconnect` has to wait for handlers or for the server. */
  get #isBusy(): boolean {
    return this.#held > 0 || (this.connected && this.#session.pending > 0);
  }

  /** Resolves when `start` calls back, or after this many milliseconds. */
  #within(delay: number, start: (done: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.schedule(delay, resolve);
      start(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  async #close(farewell: Uint8Array, drainTimeout: number): Promise<void> {
    this.#isStopping = true;
    for (const consumer of this.#consumers) consumer.close(undefined, true);
    this.#unpark();
    if (drainTimeout > 0) await undefined; // lets a handler that calls `disconnect` return first
    if (this.#isBusy && drainTimeout > 0)
      await this.#within(drainTimeout, (done) => {
        this.#drained = done;
      });
    if (this.connected) this.#connector.write(farewell);
    if (this.#connector.isStopped) return; // the client stopped by itself
    const left = this.#connector.stop(drainTimeout);
    this.#finish(undefined);
    await left;
  }

  #finish(error: MqttError | undefined): void {
    for (const consumer of this.#consumers) this.#drop(consumer, error);
    this.#session.close(closedError(error));
    this.#drained?.();
    this.#park(0); // starts a timer only to cancel it: nothing is parked again
    this.#claiming?.cancel();
    this.#emit("closed", { error });
  }
}

const LOSSY = new TextDecoder("utf-8", { ignoreBOM: true });

function messageOf({ topic, payload, qos, retain, dup, properties = {} }: PublishPacket): SmallMessage {
  const text = (): string => LOSSY.decode(payload);
  return { topic, payload, qos, retain, dup, properties, text, json: () => JSON.parse(text()) };
}

function filtersOf(topicFilters: string | readonly string[]): readonly string[] {
  const filters = listOf(topicFilters);
  for (const filter of filters)
    if (typeof filter !== "string" || !isTopicFilter(filter))
      throw invalid(
        `topicFilter "${String(filter)}"`,
        "not allowed", // [MQTT-4.7.1-2, MQTT-4.7.1-3]
        "TOPIC_FILTER_INVALID",
      );
  return filters;
}

function assertAvailable(limits: ConnackProperties, topicFilter: string): void {
  const what = `topicFilter "${topicFilter}"`;
  if (limits.sharedSubscriptionAvailable === false && isShared(topicFilter))
    throw refused("SHARED_SUBSCRIPTION_NOT_AVAILABLE", what, SHARED_SUBSCRIPTIONS_NOT_SUPPORTED);
  if (limits.wildcardSubscriptionAvailable === false && /[+#]/.test(topicFilter))
    throw refused("WILDCARD_SUBSCRIPTION_NOT_AVAILABLE", what, WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED);
}
