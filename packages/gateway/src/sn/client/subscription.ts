/** A subscription of an application: which messages belong to it, and how they reach the application. */

/// <reference lib="esnext.disposable" preserve="true" />

import type { MqttError } from "@aiko/mqtt";
import { topicFilterMatches } from "@aiko/mqtt/topic";
import type { FilterTopic } from "../packets.js";
import type { SnMessage } from "./message.js";

/**
 * Handles a message. The message is acknowledged when the handler returns, or when the promise that it returns settles.
 * The handler is not called concurrently with itself.
 */
export type SnMessageHandler = (message: SnMessage) => unknown;

/** Messages of QoS 0 that may wait for an application; the oldest is dropped. Others are bounded by the protocol. */
const MOST_WAITING = 1000;

interface Waiting {
  readonly message: SnMessage;
  readonly done: () => void;
}

interface Asked {
  resolve(result: IteratorResult<SnMessage, undefined>): void;
  reject(error: MqttError): void;
}

/** What a subscription needs of its client. */
interface Owner {
  leave(subscription: SnSubscription): Promise<void>;
  report(error: unknown): void;
}

/**
 * A subscription. Without a handler, it is an async iterator over its messages: a message is acknowledged when the
 * application asks for the next one.
 */
export class SnSubscription implements AsyncIterable<SnMessage> {
  /** The QoS that the gateway granted. */
  granted: 0 | 1 | 2;
  /** The messages of QoS 0 that were dropped, because too many waited for the application. */
  dropped = 0;
  private readonly waiting: Waiting[] = [];
  private readonly asked: Asked[] = [];
  private given: (() => void) | undefined;
  private isBusy = false;
  private end: { readonly error: MqttError | undefined } | undefined;

  /** @internal */
  constructor(
    /** @internal */
    readonly filter: FilterTopic,
    /** The QoS that was asked for. */
    readonly qos: 0 | 1 | 2,
    private readonly handler: SnMessageHandler | undefined,
    private readonly owner: Owner,
  ) {
    this.granted = qos;
  }

  /** Whether the subscription has ended: no further message arrives. */
  get closed(): boolean {
    return this.end !== undefined;
  }

  /** Ends the subscription, at the gateway and in the client. Resolves at UNSUBACK. */
  unsubscribe(): Promise<void> {
    return this.owner.leave(this);
  }

  /** Calls `unsubscribe` at the end of a block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.unsubscribe();
  }

  /** Iterates over the messages. Leaving the loop ends the subscription. */
  [Symbol.asyncIterator](): AsyncIterator<SnMessage, undefined> {
    return {
      next: () => this.next(),
      return: async () => {
        this.finishGiven();
        if (!this.closed) await this.unsubscribe();
        return { done: true, value: undefined };
      },
    };
  }

  /** @internal Returns whether the message belongs to this subscription. */
  matches({ topic, predefinedId }: SnMessage): boolean {
    const { filter } = this;
    if (filter.kind === "predefined") return filter.id === predefinedId;
    if (topic === undefined) return false;
    return filter.kind === "short" ? filter.name === topic : topicFilterMatches(filter.name, topic);
  }

  /** @internal Resolves when the application is done with the message. */
  take(message: SnMessage): Promise<void> {
    if (this.closed) return Promise.resolve();
    return new Promise((done) => {
      this.waiting.push({ message, done });
      if (this.waiting.length > MOST_WAITING) this.dropOldest();
      if (this.handler !== undefined) void this.handle(this.handler);
      else this.give();
    });
  }

  /** @internal @param error undefined if the application has ended it */
  close(error: MqttError | undefined): void {
    if (this.closed) return;
    this.end = { error };
    this.finishGiven();
    for (const { done } of this.waiting.splice(0)) done();
    for (const asked of this.asked.splice(0)) {
      if (error === undefined) asked.resolve({ done: true, value: undefined });
      else asked.reject(error);
    }
  }

  private dropOldest(): void {
    const index = this.waiting.findIndex(({ message }) => message.qos === 0);
    if (index < 0) return;
    for (const { done } of this.waiting.splice(index, 1)) done();
    this.dropped++;
  }

  private async handle(handler: SnMessageHandler): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      try {
        await handler(next.message);
      } catch (error) {
        this.owner.report(error);
      }
      next.done();
    }
    this.isBusy = false;
  }

  private next(): Promise<IteratorResult<SnMessage, undefined>> {
    this.finishGiven();
    const { end } = this;
    if (end?.error !== undefined) return Promise.reject(end.error);
    if (end !== undefined) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.asked.push({ resolve, reject });
      this.give();
    });
  }

  private give(): void {
    if (this.asked.length === 0) return;
    const next = this.waiting.shift();
    if (next === undefined) return;
    this.given = next.done;
    this.asked.shift()?.resolve({ done: false, value: next.message });
  }

  private finishGiven(): void {
    this.given?.();
    this.given = undefined;
  }
}
