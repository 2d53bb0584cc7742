/** All subscriptions of one client: subscribes at the server, again after a lost session, and ends subscriptions. */

import type { QoS, SubscriptionRequest } from "../../codec/packets.js";
import type { SubscribeProperties } from "../../codec/properties.js";
import { describeReasonCode } from "../../codec/reason-codes.js";
import { MqttError, type MqttErrorCode, RefusedError, UsageError } from "../../errors.js";
import type { EventEmitter } from "../../event-emitter.js";
import { invalidOption, wrongOption } from "../../options/option-error.js";
import { anything, boolean, func, integer, type OptionsRead, readOptions } from "../../options/option-rules.js";
import type { AbortSignalLike } from "../../platform/abort.js";
import type { Clock, Timer } from "../../platform/clock.js";
import type { ClientSession } from "../../session/client-session.js";
import type { FilterAnswer, FilterRequest } from "../../session/filter-requests.js";
import { shownValue } from "../../topic/shown-value.js";
import { assertTopicFilter } from "../../topic/topic-filter.js";
import { assertNotAborted, onAbort, signalRule, unlessAborted } from "../abort-source.js";
import type { ClientEvents } from "../client-events.js";
import { qualityRule } from "../publishing.js";
import { within } from "../within.js";
import { ClientSubscription, type SubscriptionOwner } from "./client-subscription.js";
import { HandlerSubscription } from "./handler-subscription.js";
import type { Inbox } from "./inbox.js";
import { IteratorSubscription } from "./iterator-subscription.js";
import type { Reading } from "./reading.js";
import type { Router } from "./router.js";
import type { Granted, MessageHandler, Subscription, UnsubscribeOptions } from "./subscription.js";
import type { SubscriptionRegistry } from "./subscription-registry.js";

/** The options of `subscribe` with and without `onMessage`. */
export interface CommonSubscribeOptions {
  /** The highest QoS at which the server may send messages. Default 0. */
  readonly qos?: QoS | undefined;
  /**
   * Milliseconds that the application may take for one message, 1 … 2,147,483,647: `onMessage` until its promise
   * settles, an iterator until the next message is requested. After that the message has failed, as if `onMessage` had
   * thrown HANDLER_TIMEOUT. Until the application returns, further QoS 1 and 2 messages fail immediately. Default 300,000.
   */
  readonly handlerTimeout?: number | undefined;
  /** MQTT 5: the server does not send this client its own messages. Default false. */
  readonly noLocal?: boolean | undefined;
  /** MQTT 5: messages keep the RETAIN flag they were published with. Default false. */
  readonly retainAsPublished?: boolean | undefined;
  /**
   * MQTT 5: the server sends retained messages at each subscribe (0, default), only for a new subscription (1), or
   * never (2).
   */
  readonly retainHandling?: 0 | 1 | 2 | undefined;
  /** The properties of SUBSCRIBE on MQTT 5. */
  readonly properties?: SubscribeProperties | undefined;
  /** Cancels the wait for SUBACK. */
  readonly signal?: AbortSignalLike | undefined;
}

/** Options of `subscribe` with a handler. */
export interface HandlerOptions extends CommonSubscribeOptions {
  /**
   * Handles each message, in the order of arrival. A message is acknowledged when the returned promise resolves, and
   * not before the messages that arrived earlier [MQTT-4.6.0-2].
   */
  readonly onMessage: MessageHandler;
  /** The number of `onMessage` calls that may run concurrently, 1 … 65,535. Default 1. */
  readonly concurrency?: number | undefined;
}

/** Options of `subscribe` without a handler: the application iterates over the messages. */
export interface IteratorOptions extends CommonSubscribeOptions {
  readonly onMessage?: undefined;
  readonly concurrency?: undefined;
}

/** Options of `subscribe`: with a handler, or without one. */
export type SubscribeOptions = HandlerOptions | IteratorOptions;

/**
 * In milliseconds. Longer than any handler should need, because a handler that does not return blocks the
 * acknowledgements of other messages.
 */
const HANDLER_TIMEOUT = 300_000;

export const subscribeRules = {
  qos: qualityRule,
  onMessage: func<MessageHandler>(),
  concurrency: integer(1, 65_535, 1),
  handlerTimeout: integer(1, 2 ** 31 - 1, HANDLER_TIMEOUT),
  noLocal: boolean(),
  retainAsPublished: boolean(),
  retainHandling: (name: string, value: unknown) => (value === undefined ? undefined : qualityRule(name, value)), // has the same values
  properties: anything<SubscribeOptions["properties"]>(),
  signal: signalRule,
} satisfies Record<keyof SubscribeOptions, unknown>;

const unsubscribeRules = {
  properties: anything<UnsubscribeOptions["properties"]>(),
  signal: signalRule,
} satisfies Record<keyof UnsubscribeOptions, unknown>;
/** The codes of errors that report only the end of the client, which is known. */
const ENDED: ReadonlySet<MqttErrorCode> = new Set(["CLIENT_CLOSED", "DRAIN_TIMEOUT"]);
/** Milliseconds that `unsubscribe` waits for running handlers. */
const HANDLERS_END = 5_000;
/** Milliseconds after UNSUBACK until messages that were not handled are acknowledged. */
const PARTING = 1_000;

interface Entry {
  readonly subscription: ClientSubscription;
  readonly options: OptionsRead<typeof subscribeRules>;
  /** Resolves when the server has answered the last SUBSCRIBE of this subscription. */
  answer: Promise<Subscription>;
  /** If a listener of "connected" made it: the number of that connection. Otherwise undefined. */
  readonly madeAt: number | undefined;
  /** The requested filters. Shrinks when the server denies a filter, and when a filter is unsubscribed. */
  requests: readonly SubscriptionRequest[];
  /** Whether an answer is pending. The session resends the SUBSCRIBE until it arrives. */
  asking: boolean;
  /** Filters whose UNSUBACK is pending. */
  leaving: readonly string[];
}

/** The parts of the client that subscriptions use. */
export interface SubscriptionsContext {
  readonly client: { readonly connections: number };
  readonly session: Pick<ClientSession, "request" | "withdrawRequest">;
  readonly registry: SubscriptionRegistry<ClientSubscription>;
  readonly router: Router;
  readonly inbox: Inbox;
  readonly reading: Reading;
  readonly emitter: EventEmitter<ClientEvents>;
  readonly clock: Clock;
}

export class Subscriptions implements SubscriptionOwner {
  private readonly entries = new Map<ClientSubscription, Entry>();
  /**
   * Ended subscriptions that hold messages which the application did not receive, each with the timer that will disown
   * them.
   */
  private readonly parting = new Map<ClientSubscription, Timer>();
  /** Subscriptions that are being ended, and may have running handlers. */
  private readonly finishing = new Set<ClientSubscription>();
  /**
   * The last subscription identifier. Each subscription has one if the server supports them, and none is used twice.
   */
  private lastIdentifier = 0;
  /** Whether SUBSCRIPTION_REPEATED was reported. */
  private repetitionReported = false;

  constructor(
    private readonly context: SubscriptionsContext,
    /** Whether subscriptions have identifiers if the server supports them. */
    private readonly identified: boolean,
  ) {}

  get size(): number {
    return this.entries.size;
  }

  subscribe(given: string | readonly string[], options: SubscribeOptions): Promise<Subscription> {
    if (typeof options === "function") {
      throw wrongOption("options", "must be an object; pass a handler as { onMessage }");
    }
    const read = readOptions(subscribeRules, options);
    const { qos, noLocal, retainAsPublished, retainHandling, onMessage: handler, concurrency, handlerTimeout } = read;
    const topicFilters = filterList(given);
    if (handler === undefined && concurrency > 1) {
      throw invalidOption("concurrency", concurrency, "requires onMessage; an iterator delivers one message at a time");
    }
    assertNotAborted(options.signal);
    const existing = handler && this.withHandler(topicFilters, handler);
    if (existing !== undefined) {
      assertSameOptions(existing.options, read, topicFilters);
      return unlessAborted(existing.answer, options.signal);
    }
    const madeAt = this.context.emitter.isBusy("connected") ? this.context.client.connections : undefined;
    if (madeAt !== undefined) this.reportRepetition(topicFilters, madeAt);
    const identifier = options.properties?.subscriptionIdentifier ?? (this.identified ? ++this.lastIdentifier : 0);

    const { inbox, registry, router } = this.context;
    const terms = { topicFilters, identifier, retainAsPublished: retainAsPublished === true, handlerTimeout };
    const subscription =
      handler === undefined
        ? new IteratorSubscription(terms, this, inbox)
        : new HandlerSubscription(terms, handler, concurrency, this, inbox);
    const requests = topicFilters.map((topicFilter) => ({
      topicFilter,
      qos,
      noLocal,
      retainAsPublished,
      retainHandling,
    }));
    const entry: Entry = { subscription, options: read, madeAt, requests, asking: false, leaving: [], answer: NEVER };
    entry.answer = new Promise((resolve, reject) => {
      for (const topicFilter of topicFilters) registry.add(topicFilter, subscription);
      const request = this.requestFor(entry, requests, (error) => {
        release();
        if (error === undefined) {
          resolve(subscription);
          return;
        }
        this.drop(entry, error);
        subscription.giveBack();
        reject(error);
      });
      this.entries.set(subscription, entry);
      router.claim();
      const release = this.withdrawnBy(options.signal, request);
      this.ask(request);
    });
    return entry.answer;
  }

  /** Returns the subscription with the same filters and the same handler. There is at most one. */
  private withHandler(topicFilters: readonly string[], handler: MessageHandler): Entry | undefined {
    return this.withFilters(topicFilters).find(({ options }) => options.onMessage === handler);
  }

  /** Returns the subscriptions that have exactly these filters and are not being ended. */
  private withFilters(topicFilters: readonly string[]): readonly Entry[] {
    const [first = ""] = topicFilters;
    return [...this.context.registry.consumersOf(first)]
      .filter((each) => isSameList(each.topicFilters, topicFilters))
      .map((each) => this.entries.get(each))
      .filter((entry) => entry !== undefined && entry.leaving.length === 0) as readonly Entry[];
  }

  /**
   * Reports, once, that a listener of "connected" subscribes at each connection. The client renews subscriptions by
   * itself, so each connection adds one more handler.
   */
  private reportRepetition(topicFilters: readonly string[], madeAt: number): void {
    if (this.repetitionReported) return;
    if (!this.withFilters(topicFilters).some((earlier) => earlier.madeAt !== undefined && earlier.madeAt < madeAt))
      return;
    this.repetitionReported = true;
    const [topicFilter = ""] = topicFilters;
    const what = `subscribe "${topicFilters.join('", "')}"`;
    const how = 'a listener of "connected" has already subscribed to it, and the client renews subscriptions by itself';
    const cure = "subscribe once, after connect(), or pass the same function as onMessage each time";
    this.report(
      new UsageError("SUBSCRIPTION_REPEATED", `${what}: ${how}, so each message is handled several times; ${cure}`, {
        topicFilter,
      }),
    );
  }

  /**
   * Subscribes again to all granted filters. The session resends requests that were not answered yet.
   *
   * @param perhaps whether the server most likely still has the subscriptions. A subscription is then kept even if the
   * server does not answer
   * @param onlyNew whether the server sends retained messages only for subscriptions that it does not have (MQTT 5)
   */
  subscribeAgain(perhaps: boolean, onlyNew: boolean): void {
    for (const entry of this.entries.values()) {
      if (entry.asking) continue;
      const kept = entry.requests.filter(({ topicFilter }) => !entry.leaving.includes(topicFilter));
      if (kept.length === 0) continue;
      const requests = onlyNew ? kept.map(onlyIfNew) : kept;
      entry.answer = new Promise((resolve, reject) => {
        this.ask(
          this.requestFor(entry, requests, (error) => {
            if (error === undefined || (perhaps && error.code === "SUBSCRIBE_UNANSWERED")) {
              resolve(entry.subscription);
              return;
            }
            this.drop(entry, error);
            this.report(error);
            reject(error);
          }),
        );
      });
      entry.answer.catch(() => undefined); // the error was reported
    }
  }

  report(error: unknown): void {
    if (error instanceof MqttError && ENDED.has(error.code)) return;
    this.context.emitter.emit("error", error);
  }

  async unsubscribe(subscription: ClientSubscription, options?: UnsubscribeOptions): Promise<void> {
    const entry = this.entries.get(subscription);
    if (entry === undefined) return;
    const filters = entry.requests.map((request) => request.topicFilter);
    await this.unsubscribeFilters(filters, options, entry);
  }

  /** Ends these filters in all subscriptions of the client. */
  async unsubscribeFilters(
    given: string | readonly string[],
    options: UnsubscribeOptions = {},
    only?: Entry,
  ): Promise<void> {
    readOptions(unsubscribeRules, options);
    const topicFilters = filterList(given);
    assertNotAborted(options.signal);
    const affected = only ? [only] : [...this.entries.values()];
    const unshared = topicFilters.filter((each) => !this.isNeededBeyond(each, affected));
    const ending = affected.filter(({ requests }) =>
      requests.every(({ topicFilter }) => topicFilters.includes(topicFilter)),
    );
    for (const { subscription } of ending) subscription.stop();
    const idle = this.finish(ending.map(({ subscription }) => subscription));
    try {
      if (unshared.length > 0) {
        for (const entry of affected) entry.leaving = [...entry.leaving, ...topicFilters];
        await this.askToUnsubscribe(unshared, options);
      }
    } finally {
      for (const entry of affected) {
        entry.leaving = entry.leaving.filter((each) => !topicFilters.includes(each));
        this.removeFilters(entry, topicFilters);
      }
      for (const { subscription } of ending) this.part(subscription);
    }
    await within(this.context.clock, HANDLERS_END, idle);
  }

  /**
   * Called when the client disconnects: stops passing messages to the application. Returns a promise that resolves when
   * the application has finished its messages; undefined if it has.
   */
  stop(): Promise<unknown> | undefined {
    const subscriptions = [...this.entries.keys(), ...this.finishing];
    for (const subscription of subscriptions) subscription.stop();
    this.withhold();
    const busy = subscriptions.map((subscription) => subscription.idle(true)).filter((idle) => idle !== undefined);
    return busy.length === 0 ? undefined : Promise.all(busy);
  }

  /** Leaves messages that ended subscriptions did not pass to the application unacknowledged. */
  withhold(): void {
    for (const subscription of this.entries.keys()) subscription.withhold();
    for (const [subscription, timer] of this.parting) {
      timer.cancel();
      subscription.withhold();
    }
    this.parting.clear();
  }

  /** Called when the client is closed: no message will arrive. */
  close(error: MqttError | undefined): void {
    for (const entry of [...this.entries.values()]) this.drop(entry, error);
    this.withhold();
  }

  /**
   * Called when the server has ended the subscription. Gives the client a moment to disconnect before unhandled
   * messages are acknowledged.
   */
  private part(subscription: ClientSubscription): void {
    if (this.parting.has(subscription)) return;
    const timer = this.context.clock.schedule(PARTING, () => {
      this.parting.delete(subscription);
      subscription.disown();
    });
    this.parting.set(subscription, timer);
  }

  /** Resolves when none of the subscriptions has a running handler. */
  private async finish(subscriptions: readonly ClientSubscription[]): Promise<void> {
    for (const subscription of subscriptions) {
      this.finishing.add(subscription);
      await subscription.idle(false);
      this.finishing.delete(subscription);
    }
  }

  private ask(request: FilterRequest): void {
    const { session, reading, clock } = this.context;
    session.request(request, clock.now());
    reading.update(); // the application waits for the server
  }

  /** Cancels the request when the signal fires. Returns a function that removes the listener. */
  private withdrawnBy(signal: AbortSignalLike | undefined, request: FilterRequest): () => void {
    const { session, clock } = this.context;
    return onAbort(signal, (error) => session.withdrawRequest(request, error, clock.now()));
  }

  private requestFor(
    entry: Entry,
    requests: readonly SubscriptionRequest[],
    done: (error: MqttError | undefined) => void,
  ): FilterRequest {
    const { properties } = entry.options;
    const { identifier } = entry.subscription;
    entry.asking = true;
    for (const { topicFilter } of requests) this.context.registry.asked(topicFilter, identifier);
    const settle = (error: MqttError | undefined, answer: FilterAnswer): void => {
      entry.asking = false;
      done(error ?? this.acknowledged(entry, requests, answer));
    };
    return { type: "subscribe", subscriptions: requests, properties, identifier, settle };
  }

  /** Records the server's answer. Returns the error if all filters were denied. */
  private acknowledged(
    entry: Entry,
    requests: readonly SubscriptionRequest[],
    answer: FilterAnswer,
  ): MqttError | undefined {
    const granted = requests.map(({ topicFilter }, i) => {
      const error = answer.refusals.get(i);
      return error
        ? { topicFilter, reasonCode: error.reasonCode, qos: undefined, error }
        : grantOf(topicFilter, i, answer);
    });
    entry.subscription.granted = granted;
    for (const { topicFilter, error } of granted)
      if (error === undefined) this.context.registry.granted(topicFilter, entry.subscription.identifier);
    const denied = granted.filter((each) => each.error !== undefined);
    if (denied.length === granted.length) return denied[0]?.error;
    this.removeFilters(
      entry,
      denied.map((each) => each.topicFilter),
    );
    return undefined;
  }

  private askToUnsubscribe(topicFilters: readonly string[], { properties, signal }: UnsubscribeOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error: MqttError | undefined, answer: FilterAnswer): void => {
        release();
        const at = answer.reasonCodes.findIndex((code) => code >= 0x80);
        const failure =
          error ?? (at < 0 ? undefined : refused("UNSUBSCRIBE_REFUSED", topicFilters[at] as string, at, answer));
        if (failure === undefined) resolve();
        else reject(failure);
      };
      const request: FilterRequest = { type: "unsubscribe", topicFilters, properties, settle };
      const release = this.withdrawnBy(signal, request);
      this.ask(request);
    });
  }

  private isNeededBeyond(topicFilter: string, entries: readonly Entry[]): boolean {
    for (const entry of this.entries.values()) {
      if (!entries.includes(entry) && entry.requests.some((each) => each.topicFilter === topicFilter)) return true;
    }
    return false;
  }

  private removeFilters(entry: Entry, topicFilters: readonly string[]): void {
    if (topicFilters.length === 0) return;
    entry.requests = entry.requests.filter((request) => !topicFilters.includes(request.topicFilter));
    for (const topicFilter of topicFilters) this.context.registry.delete(topicFilter, entry.subscription);
    if (entry.requests.length === 0) this.drop(entry, undefined);
  }

  private drop(entry: Entry, error: MqttError | undefined): void {
    this.entries.delete(entry.subscription);
    for (const { topicFilter } of entry.requests) this.context.registry.delete(topicFilter, entry.subscription);
    entry.subscription.close(error);
  }
}

/** The placeholder until there is an answer. */
const NEVER = new Promise<never>(() => undefined);

function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((each, i) => each === other[i]);
}

/** @throws UsageError OPTION_INVALID */
function assertSameOptions(existing: Entry["options"], given: Entry["options"], topicFilters: readonly string[]): void {
  for (const name of Object.keys(subscribeRules) as (keyof Entry["options"])[]) {
    if (name === "signal" || JSON.stringify(existing[name]) === JSON.stringify(given[name])) continue;
    const which = `the subscription to "${topicFilters.join('", "')}" with the same onMessage`;
    throw invalidOption(name, given[name], `${which} has ${shownValue(existing[name])}; unsubscribe it first`);
  }
}

function onlyIfNew(request: SubscriptionRequest): SubscriptionRequest {
  return { ...request, retainHandling: request.retainHandling || 1 };
}

/** @throws UsageError TOPIC_FILTER_INVALID */
function filterList(given: string | readonly string[]): readonly string[] {
  const topicFilters: readonly string[] = typeof given === "string" ? [given] : given;
  if (!Array.isArray(topicFilters)) {
    const shown = (given as unknown) instanceof ClientSubscription ? "Subscription" : shownValue(given);
    const instead = shown === "Subscription" ? "; use subscription.unsubscribe()" : "";
    throw new UsageError(
      "TOPIC_FILTER_INVALID",
      `topicFilters ${shown}: must be a string or a list of strings${instead}`,
    );
  }
  if (topicFilters.length === 0)
    throw new UsageError("TOPIC_FILTER_INVALID", "topicFilters: must contain at least one topic filter");
  for (const topicFilter of topicFilters) assertTopicFilter(topicFilter);
  return topicFilters;
}

function grantOf(topicFilter: string, at: number, answer: FilterAnswer): Granted {
  const reasonCode = answer.reasonCodes[at] as number;
  if (reasonCode <= 2) return { topicFilter, reasonCode, qos: reasonCode as QoS, error: undefined };
  return { topicFilter, reasonCode, qos: undefined, error: refused("SUBSCRIBE_REFUSED", topicFilter, at, answer) };
}

function refused(
  code: "SUBSCRIBE_REFUSED" | "UNSUBSCRIBE_REFUSED",
  topicFilter: string,
  at: number,
  { reasonCodes, properties }: FilterAnswer,
): RefusedError {
  const reasonCode = reasonCodes[at] as number;
  const message = `topicFilter "${topicFilter}": refused by the server: ${describeReasonCode(reasonCode)}`;
  return Object.assign(new RefusedError(code, reasonCode, message, properties), { topicFilter });
}
