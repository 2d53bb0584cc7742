/** What the application holds of a small client's subscription, and the messages that came for it and were not handled yet. */

import type { Message } from "../client/receiving/message.js";
import type { Granted, HandledSubscription } from "../client/receiving/subscription.js";
import type { SubscriptionRequest } from "../codec/packets.js";
import type { MqttError } from "../errors.js";
import { Queue } from "../session/queue.js";
import { NOT_GIVEN } from "./incoming-messages.js";
import { invalid } from "./packet-writer.js";

/** A message as the application receives it. Its `json` has no schema parameter. */
export interface SmallMessage extends Omit<Message, "json"> {
  /**
   * Returns the payload parsed as JSON.
   *
   * @throws SyntaxError the error of JSON.parse
   */
  json(): unknown;
}

/** A subscription whose handler receives the messages. */
export interface SmallHandledSubscription
  extends Pick<HandledSubscription, "granted" | "topicFilters" | "closed" | "unsubscribe"> {}

/** A subscription that is an async iterator over its messages. */
export interface SmallSubscription extends SmallHandledSubscription, AsyncIterable<SmallMessage> {}

/** A message for one subscription. */
export interface Incoming {
  readonly message: SmallMessage;
  /** The application is done with it, or failed with `error`, or is NOT_GIVEN it. */
  finished(error?: unknown, reasonCode?: number): void;
}

/** One topic filter, as it is asked for. */
export interface Requested extends SubscriptionRequest {
  readonly matches: (topic: string) => boolean;
  readonly consumer: SmallConsumer;
  /** Of any subscription, under which the server granted the filter last: its copies carry it. */
  identifier: number;
}

type Answer = (result: Promise<IteratorResult<SmallMessage, undefined>>) => void;

export class SmallConsumer implements SmallSubscription {
  /** One result a topic filter, in the order they were asked for. Renewed when the client subscribes again after a loss. */
  granted: readonly Granted[] = [];
  /** What is asked of the server; shrinks when it denies a filter, and when one is unsubscribed. */
  requests: readonly Requested[] = [];
  /** Whether the server's answer is still to come. */
  asking = true;
  /** Resolves when the server has answered the last request for it. */
  answer: Promise<SmallSubscription> | undefined;
  readonly #waiting = new Queue<Incoming>();
  readonly #asked: Answer[] = [];
  /** What the application has. */
  #current: Incoming | undefined;
  #end: { readonly error: MqttError | undefined } | undefined;
  #whenIdle: (() => void) | undefined;

  readonly #report: (error: unknown) => void;

  /** @param report receives errors that no promise can report */
  constructor(
    readonly topicFilters: readonly string[],
    /** The Subscription Identifier, by which MQTT 5 servers say whose a message is. */
    readonly identifier: number,
    readonly handler: ((message: SmallMessage) => unknown) | undefined,
    readonly unsubscribe: () => Promise<void>,
    report: (error: unknown) => void,
  ) {
    this.#report = report;
  }

  get closed(): boolean {
    return this.#end !== undefined;
  }

  [Symbol.asyncIterator](): AsyncIterator<SmallMessage, undefined> {
    if (this.handler !== undefined) throw invalid("onMessage", "not allowed");
    return {
      next: () => {
        this.#finish();
        return new Promise((resolve) => {
          this.#asked.push(resolve);
          this.#proceed();
        });
      },
      return: async () => {
        this.#finish();
        this.unsubscribe().catch(this.#report);
        return { done: true, value: undefined };
      },
    };
  }

  receive(incoming: Incoming): void {
    if (this.closed) {
      incoming.finished(undefined, NOT_GIVEN);
      return;
    }
    this.#waiting.push(incoming);
    this.#proceed();
  }

  /** No message comes any more; those that wait are still handled, unless the application is to have nothing further. */
  close(error: MqttError | undefined, discard: boolean): void {
    this.#end ??= { error };
    if (discard) {
      if (!this.handler && !this.#current?.message.qos) this.#finish();
      for (const incoming of this.#waiting.drain()) incoming.finished(undefined, NOT_GIVEN);
    }
    this.#proceed();
  }

  /** Calls back when no handler is running. */
  whenIdle(done: () => void): void {
    if (this.handler && this.#current) this.#whenIdle = done;
    else done();
  }

  /** Passes the next message to the handler or to a waiting iterator, one at a time. */
  #proceed(): void {
    const handler = this.handler;
    while (handler ? !this.#current : this.#asked.length > 0) {
      const incoming = this.#waiting.shift();
      if (!incoming && (handler || !this.#end)) return;
      this.#finish();
      this.#current = incoming;
      const answer = this.#asked.shift();
      if (handler) this.#handle(handler, incoming as Incoming);
      else if (incoming) answer?.(Promise.resolve({ done: false, value: incoming.message }));
      else
        answer?.(
          this.#end?.error ? Promise.reject(this.#end.error) : Promise.resolve({ done: true, value: undefined }),
        );
    }
  }

  #handle(handler: (message: SmallMessage) => unknown, { message }: Incoming): void {
    let result: unknown;
    try {
      result = handler(message);
    } catch (error) {
      result = Promise.reject(error);
    }
    if (typeof (result as PromiseLike<unknown> | undefined)?.then !== "function") {
      this.#finish();
      return;
    }
    if (this.closed) this.#finish(); // by the handler itself, which may wait for that
    const done = (error?: unknown): void => {
      this.#finish(error);
      this.#proceed();
    };
    // By a promise of the runtime's: others may answer twice, or at once.
    Promise.resolve(result).then(
      () => done(),
      (error: unknown) => done(error ?? new Error("onMessage failed")),
    );
  }

  #finish(error?: unknown): void {
    const current = this.#current;
    this.#current = undefined;
    if (current) current.finished(error);
    else this.#report(error);
    this.#whenIdle?.();
  }
}
