/** The application's view of a small client's subscription, and its messages that are not handled yet. */

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
  /** Called when the application has finished, or failed with `error`, or was NOT_GIVEN the message. */
  finished(error?: unknown, reasonCode?: number): void;
}

/** One topic filter of a SUBSCRIBE. */
export interface Requested extends SubscriptionRequest {
  readonly matches: (topic: string) => boolean;
  readonly consumer: SmallConsumer;
  /**
   * The identifier of the subscription under which the server granted the filter last. The server's copies carry it.
   */
  identifier: number;
}

type Answer = (result: Promise<IteratorResult<SmallMessage, undefined>>) => void;

export class SmallConsumer implements SmallSubscription {
  /**
   * One result per topic filter, in the order of the call. Updated when the client resubscribes after a lost
   * connection.
   */
  granted: readonly Granted[] = [];
  /** The requested filters. Shrinks when the server denies a filter, and when a filter is unsubscribed. */
  requests: readonly Requested[] = [];
  /** Whether the server's answer is pending. */
  asking = true;
  /** Resolves when the server has answered the last SUBSCRIBE of this subscription. */
  answer: Promise<SmallSubscription> | undefined;
  readonly #waiting = new Queue<Incoming>();
  readonly #asked: Answer[] = [];
  /** The message that the application is handling. */
  #current: Incoming | undefined;
  #end: { readonly error: MqttError | undefined } | undefined;
  #whenIdle: (() => void) | undefined;

  readonly #report: (error: unknown) => void;

  /** @param report receives errors that no promise can report */
  constructor(
    readonly topicFilters: readonly string[],
    /** The Subscription Identifier. MQTT 5 servers put it into the messages of this subscription. */
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

  /** Ends the subscription. Waiting messages are still handled, unless `discard` is set. */
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
    if (this.closed) this.#finish(); // called by the handler itself, which may wait for it
    const done = (error?: unknown): void => {
      this.#finish(error);
      this.#proceed();
    };
    // Uses the runtime's promise: other implementations may call back twice, or synchronously.
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
