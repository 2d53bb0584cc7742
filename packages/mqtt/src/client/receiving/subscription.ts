/** The interface of a subscription, as applications use it. */

/// <reference lib="esnext.disposable" preserve="true" />

import type { QoS } from "../../codec/packets.js";
import type { UnsubscribeProperties } from "../../codec/properties.js";
import type { RefusedError } from "../../errors.js";
import type { AbortSignalLike } from "../../platform/abort.js";
import type { HandlerContext } from "./handling.js";
import type { Message } from "./message.js";

/** The server's answer for one topic filter. */
export interface Granted {
  /** The topic filter, as given to `subscribe`. */
  readonly topicFilter: string;
  /** The code in SUBACK: the granted QoS, or 0x80 and above for a refusal. */
  readonly reasonCode: number;
  /** The granted QoS. Undefined if the server denied the filter. */
  readonly qos: QoS | undefined;
  /** Why the server denied the filter. Undefined if it granted it. */
  readonly error: RefusedError | undefined;
}

/**
 * Handles a message. The message is acknowledged when the handler returns, or when the promise that it returns
 * resolves.
 */
export type MessageHandler = (message: Message, context: HandlerContext) => unknown;

/** Options of `unsubscribe`. */
export interface UnsubscribeOptions {
  /** The properties of UNSUBSCRIBE on MQTT 5. */
  readonly properties?: UnsubscribeProperties | undefined;
  /** Cancels the wait for UNSUBACK. */
  readonly signal?: AbortSignalLike | undefined;
}

/** Is `Given`, or the correct type if `Given` is an empty list. The compiler then names what to write instead. */
export type FiltersGiven<Given> = unknown extends Given // any
  ? Given
  : [Given] extends [readonly never[]]
    ? readonly [string, ...string[]]
    : Given;

/**
 * A subscription whose handler receives the messages. Returned by `client.subscribe` with `onMessage`, and by
 * `client.respond`.
 */
export interface HandledSubscription {
  /** The topic filters, as given to `subscribe`. */
  readonly topicFilters: readonly string[];
  /** The subscription identifier that MQTT 5 servers send with its messages, if they support it. */
  readonly identifier: number;
  /**
   * The server's answer for each topic filter, in order. Updated when the client subscribes again after a lost session.
   */
  readonly granted: readonly Granted[];
  /** Whether the subscription has ended: no further message arrives. */
  readonly closed: boolean;
  /**
   * Ends the subscription, at the server and in the client. From the call on, the application receives no further
   * message. Resolves at UNSUBACK and when running handlers are done, after at most five seconds. QoS 1 and 2 messages
   * that the application did not receive stay unacknowledged for another second. If the client disconnects within that
   * second, the server sends them again. Otherwise they are acknowledged and reported as `unclaimed` [MQTT5-4.5.0-2].
   *
   * @param options the same as for `client.unsubscribe`
   * @throws the errors of `client.unsubscribe`
   */
  unsubscribe(options?: UnsubscribeOptions): Promise<void>;
  /** Calls `unsubscribe` at the end of a block: `await using subscription = await client.subscribe("a/#")`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A subscription that is an async iterator over its messages. Returned by `client.subscribe` without `onMessage`. */
export interface Subscription extends HandledSubscription, AsyncIterable<Message> {
  /**
   * Iterates over the messages. A message is acknowledged when the application asks for the next one.
   *
   * @throws UsageError OPTION_INVALID if the subscription has `onMessage`
   */
  [Symbol.asyncIterator](): AsyncIterator<Message, undefined>;
}
