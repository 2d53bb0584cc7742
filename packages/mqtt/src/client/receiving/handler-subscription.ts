/** A subscription that calls a handler with its messages, one after the other or several concurrently. */

import { type ClosedError, UsageError } from "../../errors.js";
import { isThenable } from "../../event-emitter.js";
import { ClientSubscription, type SubscriptionOwner, type SubscriptionTerms } from "./client-subscription.js";
import type { Handled } from "./handled.js";
import { Handling } from "./handling.js";
import type { Inbox } from "./inbox.js";
import type { Message } from "./message.js";
import type { MessageHandler } from "./subscription.js";

/** A message whose handler has returned a promise that is pending. */
interface Running {
  readonly handled: Handled;
  readonly context: Handling;
  /** When the handler was called. */
  readonly since: number;
}

export class HandlerSubscription extends ClientSubscription {
  readonly #handler: MessageHandler;
  /** How many calls may run concurrently. */
  readonly #concurrency: number;
  /** The running calls, in order. */
  readonly #running = new Set<Running>();
  /**
   * Running calls that exceeded `handlerTimeout`. Their messages have failed, but the calls count against `concurrency`
   * until they return.
   */
  readonly #late = new Set<Running>();

  constructor(
    terms: SubscriptionTerms,
    handler: MessageHandler,
    concurrency: number,
    owner: SubscriptionOwner,
    inbox: Inbox,
  ) {
    super(terms, owner, inbox);
    this.#handler = handler;
    this.#concurrency = concurrency;
  }

  override [Symbol.asyncIterator](): never {
    const filters = this.topicFilters.join('", "');
    throw new UsageError(
      "OPTION_INVALID",
      `the subscription to "${filters}" has onMessage and cannot be iterated; remove onMessage to iterate`,
    );
  }

  /** When the timed call started: the first one that is not late. */
  override get busySince(): number | undefined {
    return this.#first?.since;
  }

  override get oldest(): number | undefined {
    return (this.#first?.handled ?? this.backlog.oldest)?.since;
  }

  override handleAtOnce(message: Message, tracker: { trackUnacknowledged(message: Message): Handled }): boolean {
    if (!this.isOpen || this.#running.size >= this.#concurrency) return false;
    const context = new Handling();
    let result: unknown;
    try {
      result = this.#handler(message, context);
    } catch (error) {
      tracker.trackUnacknowledged(message).finished(error ?? new Error("the handler threw undefined or null"));
      return true;
    }
    if (isThenable(result)) this.#await(tracker.trackUnacknowledged(message), context, result, false);
    return true;
  }

  /**
   * Fails the calls that took too long, so that later acknowledgements of other subscriptions can be sent. A handler
   * that does not return keeps its place, so that `concurrency` is never exceeded.
   */
  override timeOut(now: number): void {
    for (const running of this.#running) {
      if (this.#late.has(running)) continue;
      if (now - running.since < this.handlerTimeout) break; // later ones were called later
      this.#late.add(running);
      const error = this.tookTooLong(`the handler of "${running.handled.message.topic}" did not return`);
      this.backlog.finish(running.handled, error);
      running.context.abort(error);
    }
    if (this.isStuck) this.backlog.refuseAcknowledged();
    this.lookIdle();
  }

  override abort(error: ClosedError): void {
    for (const { context } of this.#running) context.abort(error);
  }

  protected override get isStuck(): boolean {
    return this.#late.size >= this.#concurrency;
  }

  protected override isBusy(): boolean {
    return this.#running.size > this.#late.size;
  }

  protected override ended(): void {
    // A handler has no pending reads to end.
  }

  protected override give(handled: Handled): boolean {
    if (this.#running.size >= this.#concurrency) return false;
    this.#handle(handled, false);
    return true;
  }

  get #first(): Running | undefined {
    for (const running of this.#running) if (!this.#late.has(running)) return running;
    return undefined;
  }

  /** @param held whether the message waited, and so is already counted */
  #handle(handled: Handled, held: boolean): void {
    const context = new Handling();
    let result: unknown;
    let failure: unknown;
    try {
      result = this.#handler(handled.message, context);
    } catch (error) {
      failure = error ?? new Error("the handler threw undefined or null");
    }
    if (failure === undefined && isThenable(result)) this.#await(handled, context, result, held);
    else if (held) this.backlog.finish(handled, failure);
    else handled.finished(failure);
  }

  #await(handled: Handled, context: Handling, result: PromiseLike<unknown>, held: boolean): void {
    if (this.isStopped) {
      // The handler itself has stopped the subscription, and may wait for `unsubscribe` to resolve.
      if (held) this.backlog.finish(handled);
      else handled.finished();
      Promise.resolve(result).then(undefined, (error: unknown) => this.report(error));
      return;
    }
    const running: Running = { handled, context, since: this.backlog.now() };
    this.#running.add(running);
    if (!held) this.backlog.hold(handled, running.since);
    Promise.resolve(result).then(
      () => this.#handledLater(running, undefined),
      (error: unknown) => this.#handledLater(running, error ?? new Error("the handler's promise was rejected")),
    );
  }

  #handledLater(running: Running, error: unknown): void {
    this.#running.delete(running);
    if (!this.#late.delete(running)) this.backlog.finish(running.handled, error); // otherwise it has failed already
    this.lookIdle();
    while (this.#running.size < this.#concurrency) {
      const next = this.backlog.next();
      if (next === undefined) return;
      this.#handle(next, true);
    }
  }
}
