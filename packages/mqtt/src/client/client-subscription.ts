/**
 * One subscription: gives its messages to an iterator, or calls its handler for them. Owns the messages that came for it and were not
 * handled yet.
 */

import { type MqttError, TimeoutError, UsageError } from "../errors.js";
import { Queue } from "../session/queue.js";
import { Handling } from "./handling.js";
import type { Consumer, Inbox, Share } from "./inbox.js";
import type { Message } from "./message.js";
import type { Granted, MessageHandler, Subscription, UnsubscribeOptions } from "./subscription.js";

/** A message on its way to the application. Each subscription that it is for calls one of its methods, once. */
export interface Handled {
  readonly message: Message;
  /** What it takes, in bytes. */
  readonly size: number;
  /** When it began to wait, in the clock's milliseconds; 0 while it has not. */
  since: number;
  /** The application is done with it, or failed with this error. */
  finished(error?: unknown): void;
  /** The subscription came to nothing before its application saw the message. */
  returned(): void;
  /** The application ended the subscription before it saw the message, which stays unacknowledged: the server sends it again. */
  withheld(): void;
  /** The same, and the connection goes on without the subscription: the message is reported and acknowledged. */
  disowned(): void;
  /** The application does not get it: there is no room, or nobody takes it any more. */
  refused(): void;
}

/** How the messages of a subscription are handled. */
export interface Consumption {
  /** Undefined for an iterator. */
  readonly handler: MessageHandler | undefined;
  /** How many calls of the handler may be under way. */
  readonly concurrency: number;
  /** Milliseconds that one message may take. */
  readonly handlerTimeout: number;
}

/** What a subscription needs of the client it belongs to. */
export interface SubscriptionOwner {
  unsubscribe(subscription: ClientSubscription, options: UnsubscribeOptions | undefined): Promise<void>;
  /** What went wrong where nobody waits for it. */
  report(error: unknown): void;
}

/** A message in the hands of a handler that returned a promise. */
interface Running {
  readonly handled: Handled;
  readonly context: Handling;
  /** When the handler was called. */
  readonly since: number;
}

type End = { readonly error: MqttError | undefined };

export class ClientSubscription implements Subscription, Consumer {
  granted: readonly Granted[] = [];
  /** Leads to the client, as does `#owner`: in private fields, so that printing a subscription does not print them. */
  readonly #share: Share;
  readonly #owner: SubscriptionOwner;
  readonly #waiting = new Queue<Handled>();
  /** How many of these are to be acknowledged. */
  #waitingForAck = 0;
  /** What handlers have, in the order they were called. */
  readonly #running = new Set<Running>();
  /** Those of them that took longer than they may: nobody waits for them, but they keep their place. */
  readonly #late = new Set<Running>();
  /** What the iterator gave out: asking for the next says that it is done. More than one if several were asked for at once. */
  #given: Handled[] = [];
  readonly #asked = new Queue<{
    resolve(result: IteratorResult<Message, undefined>): void;
    reject(error: MqttError): void;
  }>();
  /** When the iterator was last asked, or has had something to be asked for. */
  #askedAt = 0;
  /** The iterator has not been asked for longer than it may. */
  #neglected = false;
  /** It was not granted: what still comes, until the server stops sending it, is for nobody. */
  #abandoned = false;
  /** The application is given nothing more. */
  #stopped = false;
  /** What came and was not given to the application before it stopped the subscription; QoS 1 and 2. */
  #left: Handled[] = [];
  /** Called when no handler is running any more. */
  readonly #whenIdle: (() => void)[] = [];
  #end: End | undefined;

  constructor(
    readonly topicFilters: readonly string[],
    readonly identifier: number,
    private readonly consumption: Consumption,
    owner: SubscriptionOwner,
    inbox: Inbox,
  ) {
    this.#owner = owner;
    this.#share = inbox.share(this);
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

  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    if (this.consumption.handler !== undefined) {
      const filters = this.topicFilters.join('", "');
      throw new UsageError(
        "OPTION_INVALID",
        `the subscription to "${filters}" has onMessage: its messages go there, and not to an iterator`,
      );
    }
    return {
      next: () => this.#next(),
      return: async () => {
        this.#finishGiven();
        this.stop();
        if (!this.closed) this.unsubscribe().catch((error: unknown) => this.#owner.report(error));
        return { done: true, value: undefined };
      },
    };
  }

  /** A message came. */
  receive(handled: Handled): void {
    if (this.#abandoned) {
      handled.finished();
      return;
    }
    if (this.#stopped) {
      this.#hold(handled, this.#share.now());
      this.#leave(handled);
      return;
    }
    const { handler } = this.consumption;
    if (handler === undefined) {
      const asked = this.#asked.shift();
      if (asked === undefined) this.#wait(handled);
      else this.#give(handled, asked);
    } else if (this.#running.size < this.consumption.concurrency) {
      this.#handle(handler, handled, false);
    } else {
      this.#wait(handled);
    }
  }

  /**
   * Calls the handler for a message of QoS 0 that is no other subscription's: nothing is kept of it unless the handler
   * returns a promise. False if it has to wait, or is for an iterator: `receive` it then.
   */
  handleAtOnce(message: Message, tracker: { trackUnacknowledged(message: Message): Handled }): boolean {
    const { handler } = this.consumption;
    if (handler === undefined || this.#abandoned || this.#stopped || this.#running.size >= this.consumption.concurrency)
      return false;
    const context = new Handling();
    let result: unknown;
    try {
      result = handler(message, context);
    } catch (error) {
      tracker.trackUnacknowledged(message).finished(error ?? new Error("the handler threw nothing"));
      return true;
    }
    if (isThenable(result)) this.#await(handler, tracker.trackUnacknowledged(message), context, result, false);
    return true;
  }

  /** No further message will come. */
  close(error: MqttError | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    for (const asked of this.#asked.drain()) this.#conclude(asked);
  }

  /** The application is given nothing more. What came for it and was not given waits for `withhold` or `disown`. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#waitingForAck = 0;
    for (const handled of this.#waiting.drain()) this.#leave(handled);
    for (const asked of this.#asked.drain()) asked.resolve({ done: true, value: undefined });
  }

  /**
   * A promise that resolves when no handler runs any more that ran when the subscription was stopped; undefined if none does.
   *
   * @param iterated whether a QoS 1 or 2 message counts too that the iterator gave out, until it is asked for the next
   */
  idle(iterated: boolean): Promise<void> | undefined {
    const isBusy = (): boolean =>
      this.#running.size > this.#late.size || (iterated && this.#given.some(isAcknowledged));
    if (!isBusy()) return undefined;
    return new Promise((resolve) => {
      const look = (): void => {
        if (isBusy()) this.#whenIdle.push(look);
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
    this.#waitingForAck = 0;
    for (const left of this.#waiting.drain()) {
      this.#share.release(left.size);
      left.returned();
    }
  }

  get handlerTimeout(): number {
    return this.consumption.handlerTimeout;
  }

  /** Of what is timed: a call of the handler, or an iterator that holds acknowledgements up. */
  get busySince(): number | undefined {
    if (this.consumption.handler === undefined) {
      return this.#waitingForAck > 0 || this.#given.some(isAcknowledged) ? this.#askedAt : undefined;
    }
    for (const running of this.#running) if (!this.#late.has(running)) return running.since;
    return undefined;
  }

  get oldest(): number | undefined {
    for (const running of this.#running) if (!this.#late.has(running)) return running.handled.since;
    return (this.#given[0] ?? this.#waiting.peek())?.since;
  }

  /**
   * The application took longer than it may: what holds acknowledgements up has failed, so that those of other
   * subscriptions behind it may go. A handler that does not return keeps its place, so that there are never more than may be.
   */
  timeOut(now: number): void {
    if (this.consumption.handler === undefined) {
      this.#timeOutIterator();
      return;
    }
    for (const running of this.#running) {
      if (this.#late.has(running)) continue;
      if (now - running.since < this.handlerTimeout) break; // those behind it were called later
      this.#late.add(running);
      const error = this.#tookTooLong(`the handler of "${running.handled.message.topic}" did not return`);
      this.#finish(running.handled, error);
      running.context.abort(error);
    }
    if (this.#isStuck) this.#refuseUnacknowledged();
    this.#lookIdle();
  }

  abort(error: UsageError): void {
    for (const { context } of this.#running) context.abort(error);
  }

  #leave(handled: Handled): void {
    if (isAcknowledged(handled)) this.#left.push(handled);
    else this.#finish(handled);
  }

  #takeLeft(): readonly Handled[] {
    const left = this.#left;
    this.#left = [];
    for (const handled of left) this.#share.release(handled.size);
    return left;
  }

  #lookIdle(): void {
    for (const look of this.#whenIdle.splice(0)) look();
  }

  /** Whether nobody takes what comes, for longer than may be. */
  get #isStuck(): boolean {
    return this.#neglected || this.#late.size >= this.consumption.concurrency;
  }

  #wait(handled: Handled): void {
    const acknowledged = isAcknowledged(handled);
    if (acknowledged ? this.#isStuck : !this.#share.admits(handled.size)) {
      handled.refused();
      return;
    }
    const now = this.#share.now();
    if (this.#waiting.length === 0 && this.#given.length === 0) this.#askedAt = now;
    if (acknowledged) this.#waitingForAck++;
    this.#waiting.push(handled);
    this.#hold(handled, now);
  }

  #nextWaiting(): Handled | undefined {
    const handled = this.#waiting.shift();
    if (handled !== undefined && isAcknowledged(handled)) this.#waitingForAck--;
    return handled;
  }

  #hold(handled: Handled, now: number): void {
    handled.since ||= now;
    this.#share.hold(handled.size, now);
  }

  /** Of a message that is held. */
  #finish(handled: Handled, error?: unknown): void {
    this.#share.release(handled.size);
    handled.finished(error);
  }

  #refuseUnacknowledged(): void {
    this.#waitingForAck = 0;
    for (const handled of this.#waiting.drain()) {
      if (isAcknowledged(handled)) {
        this.#share.release(handled.size);
        handled.refused();
      } else {
        this.#waiting.push(handled);
      }
    }
  }

  #next(): Promise<IteratorResult<Message, undefined>> {
    this.#neglected = false;
    this.#askedAt = this.#share.now();
    if (this.#asked.length === 0) this.#finishGiven();
    const handled = this.#nextWaiting();
    if (handled !== undefined) {
      this.#given.push(handled);
      return Promise.resolve({ done: false, value: handled.message });
    }
    return new Promise((resolve, reject) => {
      const asked = { resolve, reject };
      if (this.#end !== undefined) this.#conclude(asked);
      else if (this.#stopped) resolve({ done: true, value: undefined });
      else this.#asked.push(asked);
    });
  }

  #give(handled: Handled, asked: { resolve(result: IteratorResult<Message, undefined>): void }): void {
    this.#askedAt = this.#share.now();
    this.#given.push(handled);
    this.#hold(handled, this.#askedAt);
    asked.resolve({ done: false, value: handled.message });
  }

  #finishGiven(): void {
    const given = this.#given;
    this.#given = [];
    for (const each of given) this.#finish(each);
    this.#lookIdle();
  }

  #timeOutIterator(): void {
    this.#neglected = true;
    const failed = this.#given.filter(isAcknowledged);
    this.#given = this.#given.filter((each) => !isAcknowledged(each));
    const waited = this.#waitingForAck;
    this.#refuseUnacknowledged();
    const error = this.#tookTooLong(`the iterator was not asked for the next message while ${waited} waited`);
    if (failed.length === 0) this.#owner.report(error);
    for (const handled of failed) this.#finish(handled, error);
  }

  #tookTooLong(what: string): TimeoutError {
    return new TimeoutError(
      "HANDLER_TIMEOUT",
      `subscription to "${this.topicFilters.join('", "')}": ${what} within handlerTimeout ${this.handlerTimeout} ms`,
    );
  }

  #conclude(asked: {
    resolve(result: IteratorResult<Message, undefined>): void;
    reject(error: MqttError): void;
  }): void {
    const error = this.#end?.error;
    if (error === undefined) asked.resolve({ done: true, value: undefined });
    else asked.reject(error);
  }

  /** @param held whether the message waited, and so is counted already */
  #handle(handler: MessageHandler, handled: Handled, held: boolean): void {
    const context = new Handling();
    let result: unknown;
    let failure: unknown;
    try {
      result = handler(handled.message, context);
    } catch (error) {
      failure = error ?? new Error("the handler threw nothing");
    }
    if (failure === undefined && isThenable(result)) this.#await(handler, handled, context, result, held);
    else if (held) this.#finish(handled, failure);
    else handled.finished(failure);
  }

  #await(
    handler: MessageHandler,
    handled: Handled,
    context: Handling,
    result: PromiseLike<unknown>,
    held: boolean,
  ): void {
    if (this.#stopped) {
      // The handler itself has stopped the subscription, and may be waiting for that to be done.
      if (held) this.#finish(handled);
      else handled.finished();
      Promise.resolve(result).then(undefined, (error: unknown) => this.#owner.report(error));
      return;
    }
    const running: Running = { handled, context, since: this.#share.now() };
    this.#running.add(running);
    if (!held) this.#hold(handled, running.since);
    Promise.resolve(result).then(
      () => this.#handledLater(handler, running, undefined),
      (error: unknown) =>
        this.#handledLater(handler, running, error ?? new Error("the handler's promise was rejected")),
    );
  }

  #handledLater(handler: MessageHandler, running: Running, error: unknown): void {
    this.#running.delete(running);
    if (!this.#late.delete(running)) this.#finish(running.handled, error); // else it has failed already
    this.#lookIdle();
    while (this.#running.size < this.consumption.concurrency) {
      const next = this.#nextWaiting();
      if (next === undefined) return;
      this.#handle(handler, next, true);
    }
  }
}

function isAcknowledged({ message }: Handled): boolean {
  return message.qos > 0;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}
