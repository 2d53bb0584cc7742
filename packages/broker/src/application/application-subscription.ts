/** A subscription of the application: passes its messages to a handler, or to an iterator. */

import { type Clock, UsageError } from "@aiko/mqtt";
import { Queue } from "@aiko/mqtt/session";
import { isThenable } from "../hooks/hook-answers.js";
import { forKeeping, type PublishedMessage } from "../messages/published-message.js";
import type { ApplicationMessage } from "./application-message.js";
import { ApplicationQueue, type Hearing } from "./application-queue.js";
import type { ApplicationTerms, BrokerSubscription } from "./broker-subscription.js";

/** What a subscription needs of the broker. */
export interface ApplicationOwner {
  readonly clock: Clock;
  /** Removes the subscription. */
  remove(subscription: OwnSubscription): void;
  /** Receives what a handler threw. */
  report(error: unknown): void;
  dropped(message: PublishedMessage, reason: string): void;
}

type Asked = (result: IteratorResult<ApplicationMessage, undefined>) => void;

/** After this many messages, the rest of the program runs. */
const SLICE = 256;
/** Milliseconds that `unsubscribe` waits for the running handler. */
const LONGEST_WAIT = 5_000;

export class OwnSubscription implements BrokerSubscription {
  /** Private, so that printing a subscription does not print the broker. */
  readonly #owner: ApplicationOwner;
  readonly #queue: ApplicationQueue;
  readonly #onMessage: ApplicationTerms["onMessage"];
  /** Reads of the iterator that wait for a message. */
  readonly #asked = new Queue<Asked>();
  #closed = false;
  /** The promise of the handler that is running. */
  #running: Promise<void> | undefined;
  #isDue = false;
  #budget = SLICE;

  constructor(
    readonly topicFilters: readonly string[],
    terms: ApplicationTerms,
    owner: ApplicationOwner,
  ) {
    this.#owner = owner;
    this.#onMessage = terms.onMessage;
    this.#queue = new ApplicationQueue(terms, owner.clock, (message, reason) => owner.dropped(message, reason));
  }

  get closed(): boolean {
    return this.#closed;
  }

  get queued(): BrokerSubscription["queued"] {
    return { count: this.#queue.count, bytes: this.#queue.size };
  }

  /** Starts with the retained messages. */
  begin(retained: PublishedMessage[]): void {
    this.#queue.begin(retained);
    this.#goOn();
  }

  /** @param patient whether the publisher can wait */
  offer(message: PublishedMessage, patient: boolean): Hearing | Promise<Hearing> {
    const hearing = this.#queue.add(forKeeping(message), patient);
    this.#goOn();
    return hearing;
  }

  async unsubscribe(): Promise<void> {
    const running = this.#running;
    this.#owner.remove(this);
    this.end();
    if (running === undefined) return;
    await new Promise<void>((resolve) => {
      const timer = this.#owner.clock.schedule(LONGEST_WAIT, resolve);
      void running.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.unsubscribe();
  }

  [Symbol.asyncIterator](): AsyncIterator<ApplicationMessage, undefined> {
    if (this.#onMessage !== undefined)
      throw new UsageError("OPTION_INVALID", "a subscription with onMessage has no iterator", { option: "onMessage" });
    return {
      next: () => this.#next(),
      return: async () => {
        await this.unsubscribe();
        return { done: true, value: undefined };
      },
    };
  }

  /** The application receives no further message. */
  end(): void {
    this.#closed = true;
    this.#queue.end();
    for (const asked of this.#asked.drain()) asked({ done: true, value: undefined });
  }

  #next(): Promise<IteratorResult<ApplicationMessage, undefined>> {
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    const message = this.#asked.length > 0 ? undefined : this.#queue.next();
    if (message !== undefined) return Promise.resolve({ done: false, value: message });
    return new Promise((resolve) => this.#asked.push(resolve));
  }

  /** Passes messages on after the current code, because a handler may publish. */
  #goOn(): void {
    if (this.#isDue || this.#closed || this.#running !== undefined) return;
    if (this.#onMessage === undefined && this.#asked.length === 0) return;
    this.#isDue = true;
    this.#owner.clock.defer(() => {
      this.#isDue = false;
      this.#budget = SLICE;
      if (this.#onMessage === undefined) this.#answer();
      else this.#handle(this.#onMessage);
    });
  }

  #answer(): void {
    while (this.#asked.length > 0) {
      const message = this.#queue.next();
      if (message === undefined) return;
      this.#asked.shift()?.({ done: false, value: message });
    }
  }

  #handle(onMessage: NonNullable<ApplicationTerms["onMessage"]>): void {
    while (!this.#closed && this.#running === undefined) {
      if (this.#budget-- === 0) {
        this.#goOn();
        return;
      }
      const message = this.#queue.next();
      if (message === undefined) return;
      try {
        const result = onMessage(message);
        if (isThenable(result)) this.#wait(onMessage, result);
      } catch (error) {
        this.#owner.report(error);
      }
    }
  }

  #wait(onMessage: NonNullable<ApplicationTerms["onMessage"]>, result: PromiseLike<unknown>): void {
    this.#running = Promise.resolve(result)
      .then(undefined, (error: unknown) => this.#owner.report(error))
      .then(() => {
        this.#running = undefined;
        this.#handle(onMessage);
      });
  }
}
