/**
 * What the application holds of a subscription: an iterator over its messages, or the place where its handler is called.
 * Owns the messages that came for it and were not handled yet.
 */

import type { QoS } from "../codec/packets.js";
import type { MqttError, RefusedError } from "../errors.js";
import { Queue } from "../session/queue.js";
import type { Message } from "./message.js";

/** What became of one topic filter of a subscription. */
export interface Granted {
  readonly topicFilter: string;
  /** From SUBACK: the QoS granted, or 0x80 and above. */
  readonly reasonCode: number;
  /** The QoS granted; undefined if the server denied the filter. */
  readonly qos: QoS | undefined;
  /** Why it was denied. */
  readonly error: RefusedError | undefined;
}

/** A message on its way to the application; `finished` is called once. */
export interface Handled {
  readonly message: Message;
  finished(error?: unknown): void;
}

export type MessageHandler = (message: Message) => unknown;

/** What a subscription needs of the client it belongs to. */
export interface SubscriptionOwner {
  unsubscribe(subscription: Subscription): Promise<void>;
  /** What went wrong where nobody waits for it. */
  report(error: unknown): void;
}

type End = { readonly error: MqttError | undefined };

export class Subscription implements AsyncIterable<Message> {
  /** One result a topic filter, in the order they were asked for. Renewed when the client subscribes again after a loss. */
  granted: readonly Granted[] = [];
  private readonly waiting = new Queue<Handled>();
  /** What the iterator gave out: asking for the next says that it is done. More than one if several were asked for at once. */
  private given: Handled[] = [];
  private readonly asked = new Queue<{
    resolve(result: IteratorResult<Message, undefined>): void;
    reject(error: MqttError): void;
  }>();
  private busy = false;
  /** The iterator was left: what still comes, until the server stops sending it, is for nobody. */
  private abandoned = false;
  private end: End | undefined;

  /** Made by `client.subscribe`. */
  constructor(
    readonly topicFilters: readonly string[],
    /** The Subscription Identifier that MQTT 5 servers send with its messages, if they offer that. */
    readonly identifier: number,
    private readonly handler: MessageHandler | undefined,
    private readonly owner: SubscriptionOwner,
  ) {}

  /** True once no further message will come. */
  get closed(): boolean {
    return this.end !== undefined;
  }

  /** Ends the subscription at the server and here. Resolves at UNSUBACK; messages that came before it are still handled. */
  unsubscribe(): Promise<void> {
    return this.owner.unsubscribe(this);
  }

  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    return {
      next: () => this.next(),
      return: async () => {
        this.finishGiven();
        this.abandoned = true;
        this.discard();
        if (!this.closed) this.unsubscribe().catch((error: unknown) => this.owner.report(error));
        return { done: true, value: undefined };
      },
    };
  }

  /** @internal A message came. True if it was handled at once. */
  receive(handled: Handled): boolean {
    if (this.abandoned) {
      handled.finished();
      return true;
    }
    const asked = this.asked.shift();
    if (asked !== undefined) {
      this.given.push(handled);
      asked.resolve({ done: false, value: handled.message });
      return false;
    }
    if (this.handler === undefined || this.busy) {
      this.waiting.push(handled);
      return false;
    }
    return this.handle(this.handler, handled);
  }

  /** @internal No further message will come. */
  close(error: MqttError | undefined): void {
    if (this.end !== undefined) return;
    this.end = { error };
    for (const asked of this.asked.drain()) this.conclude(asked);
  }

  /** @internal Nobody will ask for what waits: it is done with. */
  discard(): void {
    for (const left of this.waiting.drain()) left.finished();
  }

  private next(): Promise<IteratorResult<Message, undefined>> {
    if (this.asked.length === 0) this.finishGiven();
    const handled = this.waiting.shift();
    if (handled !== undefined) {
      this.given.push(handled);
      return Promise.resolve({ done: false, value: handled.message });
    }
    return new Promise((resolve, reject) => {
      const asked = { resolve, reject };
      if (this.end === undefined) this.asked.push(asked);
      else this.conclude(asked);
    });
  }

  private finishGiven(): void {
    const { given } = this;
    this.given = [];
    for (const each of given) each.finished();
  }

  private conclude(asked: {
    resolve(result: IteratorResult<Message, undefined>): void;
    reject(error: MqttError): void;
  }): void {
    const error = this.end?.error;
    if (error === undefined) asked.resolve({ done: true, value: undefined });
    else asked.reject(error);
  }

  /** Calls the handler, one message at a time. */
  private handle(handler: MessageHandler, handled: Handled): boolean {
    let result: unknown;
    try {
      result = handler(handled.message);
    } catch (error) {
      handled.finished(error ?? new Error("the handler threw nothing"));
      return true;
    }
    if (!isThenable(result)) {
      handled.finished();
      return true;
    }
    this.busy = true;
    result.then(
      () => this.handledLater(handler, handled, undefined),
      (error: unknown) => this.handledLater(handler, handled, error ?? new Error("the handler's promise was rejected")),
    );
    return false;
  }

  private handledLater(handler: MessageHandler, handled: Handled, error: unknown): void {
    this.busy = false;
    handled.finished(error);
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      if (!this.handle(handler, next) && this.busy) return;
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}
