/** The interface of a subscription of the application, and its options. */

/// <reference lib="esnext.disposable" preserve="true" />

import { boolean, func, integer, readOptions } from "@aiko/mqtt/options";
import type { ApplicationMessage } from "./application-message.js";

/** Handles a message. If it returns a promise, the next message is handled when that promise has settled. */
export type ApplicationHandler = (message: ApplicationMessage) => unknown;

/** The limits of `broker.subscribe`, with and without a handler. */
export interface CommonBrokerSubscribeOptions {
  /** The number of messages that may wait for the application, from 1. Default 10,000. */
  readonly maximumCount?: number | undefined;
  /**
   * The bytes of topics and payloads of these messages, from 1. One message of any size may wait alone. Default
   * 16,777,216 (16 MiB).
   */
  readonly maximumBytes?: number | undefined;
  /**
   * Milliseconds, 1 … 2,147,483,647, that the publisher of a QoS 1 or 2 message waits for its acknowledgement if the
   * message finds no room. The broker handles no further packet of this client meanwhile. Then the message is dropped
   * and refused with `ReasonCode.QUOTA_EXCEEDED`, and so is every further one until the application takes a message.
   * Default 10,000.
   */
  readonly maximumWait?: number | undefined;
  /** Whether the subscription begins with the retained messages that match. Default true. */
  readonly retained?: boolean | undefined;
}

/** Options of `broker.subscribe` with a handler. */
export interface BrokerHandlerOptions extends CommonBrokerSubscribeOptions {
  /** Handles the messages, one after the other. If it throws or rejects, the broker emits `error`. */
  readonly onMessage: ApplicationHandler;
}

/** Options of `broker.subscribe` without a handler: the application iterates over the messages. */
export interface BrokerIteratorOptions extends CommonBrokerSubscribeOptions {
  readonly onMessage?: undefined;
}

/** Options of `broker.subscribe`. */
export type BrokerSubscribeOptions = BrokerHandlerOptions | BrokerIteratorOptions;

/** A subscription of the application whose handler receives the messages. */
export interface HandledBrokerSubscription {
  /** The topic filters, as given to `subscribe`. */
  readonly topicFilters: readonly string[];
  /** Whether the subscription has ended. */
  readonly closed: boolean;
  /** The messages that wait for the application, and their bytes. */
  readonly queued: { readonly count: number; readonly bytes: number };
  /**
   * Ends the subscription. The application receives no further message, and waiting messages are discarded. Resolves
   * when the running handler is done, after at most five seconds.
   */
  unsubscribe(): Promise<void>;
  /** Calls `unsubscribe` at the end of a block: `await using subscription = broker.subscribe("a/#")`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A subscription of the application that is an async iterator over its messages. It ends when the broker is closed. */
export interface BrokerSubscription extends HandledBrokerSubscription, AsyncIterable<ApplicationMessage> {
  /** Iterates over the messages, in their order. */
  [Symbol.asyncIterator](): AsyncIterator<ApplicationMessage, undefined>;
}

const rules = {
  onMessage: func<ApplicationHandler>(),
  maximumCount: integer(1, Number.MAX_SAFE_INTEGER, 10_000),
  maximumBytes: integer(1, Number.MAX_SAFE_INTEGER, 16 * 2 ** 20),
  maximumWait: integer(1, 2 ** 31 - 1, 10_000),
  retained: boolean(true),
} satisfies Record<keyof BrokerSubscribeOptions, unknown>;

export type ApplicationTerms = ReturnType<typeof readTerms>;

/** @throws UsageError OPTION_UNKNOWN or OPTION_INVALID */
export function readTerms(given: ApplicationHandler | BrokerSubscribeOptions) {
  return readOptions(rules, typeof given === "function" ? { onMessage: given } : given);
}
