/**
 * What subscriptions with a handler and with an iterator share: how they start and end, and what then happens to their
 * messages.
 */

import { type ClosedError, type MqttError, TimeoutError } from "../../errors.js";
import { Backlog } from "./backlog.js";
import { type Handled, isAcknowledged } from "./handled.js";
import type { Consumer, Inbox } from "./inbox.js";
import type { Message } from "./message.js";
import type { Granted, Subscription, UnsubscribeOptions } from "./subscription.js";
import type { Subscriber } from "./subscription-registry.js";

/** What a subscription needs from its client. */
export interface SubscriptionOwner {
  unsubscribe(subscription: ClientSubscription, options: UnsubscribeOptions | undefined): Promise<void>;
  /** Receives an error that no promise can report. */
  report(error: unknown): void;
}

/** The parameters of a subscription. */
export interface SubscriptionTerms {
  readonly topicFilters: readonly string[];
  readonly identifier: number;
  readonly retainAsPublished: boolean;
  /** Milliseconds that the application may take for one message. */
  readonly handlerTimeout: number;
}

export abstract class ClientSubscription implements Subscription, Consumer, Subscriber {
  readonly topicFilters: readonly string[];
  readonly identifier: number;
  readonly retainAsPublished: boolean;
  readonly handlerTimeout: number;
  granted: readonly Granted[] = [];
  protected readonly backlog: Backlog;
  /** References the client. The field is private, so that printing a subscription does not print the client. */
  readonly #owner: SubscriptionOwner;
  /**
   * The server did not grant the subscription. Messages that still arrive for it are finished without the application.
   */
  #abandoned = false;
  #stopped = false;
  /** QoS 1 and 2 messages that arrived and were not passed to the application before it stopped the subscription. */
  #left: Handled[] = [];
  /** Called when the application may have finished its messages. */
  readonly #whenIdle: (() => void)[] = [];
  #end: { readonly error: MqttError | undefined } | undefined;

  constructor(terms: SubscriptionTerms, owner: SubscriptionOwner, inbox: Inbox) {
    this.topicFilters = terms.topicFilters;
    this.identifier = terms.identifier;
    this.retainAsPublished = terms.retainAsPublished;
    this.handlerTimeout = terms.handlerTimeout;
    this.#owner = owner;
    this.backlog = new Backlog(this, inbox);
  }

  get closed(): boolean {
    return this.#end !== undefined;
  }

  unsubscribe(options?: UnsubscribeOptions): Promise<void> {
    return this.#owner.unsubscribe(this, options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.unsubscribe();
  }

  abstract [Symbol.asyncIterator](): AsyncIterator<Message, undefined>;
  abstract readonly busySince: number | undefined;
  abstract readonly oldest: number | undefined;
  abstract timeOut(now: number): void;
  abstract abort(error: ClosedError): void;

  /** Passes the message to the application now. Returns false if it has to wait. */
  protected abstract give(handled: Handled): boolean;
  /** Whether the application has taken no message for too long. */
  protected abstract readonly isStuck: boolean;
  /**
   * @param iterated whether to count a QoS 1 or 2 message that the iterator has returned, until the next one is
   * requested
   */
  protected abstract isBusy(iterated: boolean): boolean;
  /** Called when no further message will arrive, or when messages are no longer passed to the application. */
  protected abstract ended(): void;

  /** Receives a message. */
  receive(handled: Handled): void {
    if (this.#abandoned) {
      handled.finished();
      return;
    }
    if (this.#stopped) {
      this.backlog.hold(handled, this.backlog.now());
      this.#leave(handled);
      return;
    }
    if (!this.give(handled)) this.wait(handled);
  }

  /**
   * Calls the handler for a QoS 0 message that is for no other subscription. Nothing is kept of the message unless the
   * handler returns a promise. Returns false if the message has to wait, or is for an iterator: call `receive` then.
   */
  handleAtOnce(_message: Message, _tracker: { trackUnacknowledged(message: Message): Handled }): boolean {
    return false;
  }

  /** Called when no further message will arrive. */
  close(error: MqttError | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.ended();
  }

  /** Stops passing messages to the application. Messages that it did not receive wait for `withhold` or `disown`. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const handled of this.backlog.drain()) this.#leave(handled);
    this.ended();
  }

  /**
   * Returns a promise that resolves when the application has finished the messages that it had when the subscription
   * stopped. Returns undefined if it has finished them already.
   *
   * @param iterated the same as for `isBusy`
   */
  idle(iterated: boolean): Promise<void> | undefined {
    if (!this.isBusy(iterated)) return undefined;
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.isBusy(iterated)) this.#whenIdle.push(look);
        else resolve();
      };
      look();
    });
  }

  /** Leaves the messages that the application did not receive unacknowledged. */
  withhold(): void {
    for (const handled of this.#takeLeft()) handled.withheld();
  }

  /** Acknowledges the messages that the application did not receive. */
  disown(): void {
    for (const handled of this.#takeLeft()) handled.disowned();
  }

  /**
   * Called if the server did not grant the subscription. Waiting messages are routed again: to other subscriptions, or
   * to one that is made later.
   */
  giveBack(): void {
    this.#abandoned = true;
    for (const handled of this.backlog.drain()) {
      this.backlog.release(handled);
      handled.returned();
    }
  }

  /** Whether messages are no longer passed to the application. */
  protected get isStopped(): boolean {
    return this.#stopped;
  }

  /** Whether messages are passed to the application. */
  protected get isOpen(): boolean {
    return !this.#abandoned && !this.#stopped;
  }

  /** The error that closed the subscription. */
  protected get failure(): MqttError | undefined {
    return this.#end?.error;
  }

  protected report(error: unknown): void {
    this.#owner.report(error);
  }

  /** Queues a message that cannot be passed on yet. */
  protected wait(handled: Handled): void {
    if (!this.backlog.admit(handled, this.isStuck)) handled.refused();
  }

  protected lookIdle(): void {
    for (const look of this.#whenIdle.splice(0)) look();
  }

  protected tookTooLong(what: string): TimeoutError {
    const filters = this.topicFilters.join('", "');
    return new TimeoutError(
      "HANDLER_TIMEOUT",
      `subscription to "${filters}": ${what} within handlerTimeout ${this.handlerTimeout} ms`,
    );
  }

  #leave(handled: Handled): void {
    if (isAcknowledged(handled)) this.#left.push(handled);
    else this.backlog.finish(handled);
  }

  #takeLeft(): readonly Handled[] {
    const left = this.#left;
    this.#left = [];
    for (const handled of left) this.backlog.release(handled);
    return left;
  }
}
