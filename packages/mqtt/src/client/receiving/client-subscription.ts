/** What subscriptions with a handler and with an iterator have in common: how they begin and end, and what becomes of messages then. */

import { type ClosedError, type MqttError, TimeoutError } from "../../errors.js";
import { Backlog } from "./backlog.js";
import { type Handled, isAcknowledged } from "./handled.js";
import type { Consumer, Inbox } from "./inbox.js";
import type { Message } from "./message.js";
import type { Granted, Subscription, UnsubscribeOptions } from "./subscription.js";
import type { Subscriber } from "./subscription-registry.js";

/** What a subscription needs of the client it belongs to. */
export interface SubscriptionOwner {
  unsubscribe(subscription: ClientSubscription, options: UnsubscribeOptions | undefined): Promise<void>;
  /** Receives an error that no promise can be rejected with. */
  report(error: unknown): void;
}

/** What a subscription is made with. */
export interface SubscriptionTerms {
  readonly topicFilters: readonly string[];
  readonly identifier: number;
  readonly retainAsPublished: boolean;
  /** Milliseconds that the application may take with one message. */
  readonly handlerTimeout: number;
}

export abstract class ClientSubscription implements Subscription, Consumer, Subscriber {
  readonly topicFilters: readonly string[];
  readonly identifier: number;
  readonly retainAsPublished: boolean;
  readonly handlerTimeout: number;
  granted: readonly Granted[] = [];
  protected readonly backlog: Backlog;
  /** Leads to the client: in a private field, so that printing a subscription does not print that. */
  readonly #owner: SubscriptionOwner;
  /** It was not granted: what still comes, until the server stops sending it, is for nobody. */
  #abandoned = false;
  #stopped = false;
  /** What came and was not given to the application before it stopped the subscription; QoS 1 and 2. */
  #left: Handled[] = [];
  /** Called when the application may have finished with what it has. */
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

  /** Gives the message to the application now; false if it has to wait. */
  protected abstract give(handled: Handled): boolean;
  /** Whether nobody takes what comes, for longer than may be. */
  protected abstract readonly isStuck: boolean;
  /** @param iterated whether a QoS 1 or 2 message counts too that the iterator gave out, until it is asked for the next */
  protected abstract isBusy(iterated: boolean): boolean;
  /** No further message will come, or the application is given nothing more. */
  protected abstract ended(): void;

  /** A message came. */
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
   * Calls the handler for a message of QoS 0 that is no other subscription's: nothing is kept of it unless the handler returns a promise.
   * False if it has to wait, or is for an iterator: `receive` it then.
   */
  handleAtOnce(_message: Message, _tracker: { trackUnacknowledged(message: Message): Handled }): boolean {
    return false;
  }

  /** No further message will come. */
  close(error: MqttError | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.ended();
  }

  /** The application is given nothing more. What came for it and was not given waits for `withhold` or `disown`. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const handled of this.backlog.drain()) this.#leave(handled);
    this.ended();
  }

  /**
   * A promise that resolves when the application is done with what it had when the subscription was stopped; undefined if it is.
   *
   * @param iterated as for `isBusy`
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

  /** What was not given to the application stays unacknowledged. */
  withhold(): void {
    for (const handled of this.#takeLeft()) handled.withheld();
  }

  /** What was not given to the application is acknowledged. */
  disown(): void {
    for (const handled of this.#takeLeft()) handled.disowned();
  }

  /** It came to nothing, since the server did not grant it: what waits is for others, or for who subscribes next. */
  giveBack(): void {
    this.#abandoned = true;
    for (const handled of this.backlog.drain()) {
      this.backlog.release(handled);
      handled.returned();
    }
  }

  /** Whether the application is given nothing more. */
  protected get isStopped(): boolean {
    return this.#stopped;
  }

  /** Whether the application is given what comes. */
  protected get isOpen(): boolean {
    return !this.#abandoned && !this.#stopped;
  }

  /** Why it was closed. */
  protected get failure(): MqttError | undefined {
    return this.#end?.error;
  }

  protected report(error: unknown): void {
    this.#owner.report(error);
  }

  /** Has what comes too fast wait. */
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
