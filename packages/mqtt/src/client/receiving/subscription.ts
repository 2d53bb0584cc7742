/** What the application holds of a subscription. */

/// <reference lib="esnext.disposable" preserve="true" />

import type { QoS } from "../../codec/packets.js";
import type { UnsubscribeProperties } from "../../codec/properties.js";
import type { RefusedError } from "../../errors.js";
import type { AbortSignalLike } from "../../platform/abort.js";
import type { HandlerContext } from "./handling.js";
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

/** Returns when it is done, or a promise of that. */
export type MessageHandler = (message: Message, context: HandlerContext) => unknown;

export interface UnsubscribeOptions {
  /** The properties of UNSUBSCRIBE on MQTT 5. */
  readonly properties?: UnsubscribeProperties | undefined;
  /** Cancels the wait for UNSUBACK. */
  readonly signal?: AbortSignalLike | undefined;
}

/** `Given`, unless it is a list without a topic filter. Then it is what to write instead. */
export type FiltersGiven<Given> = unknown extends Given // any
  ? Given
  : [Given] extends [readonly never[]]
    ? readonly [string, ...string[]]
    : Given;

/** Made by `client.subscribe` with `onMessage`, which receives its messages, and by `client.respond`. */
export interface HandledSubscription {
  /** What it was made with. */
  readonly topicFilters: readonly string[];
  /** The Subscription Identifier that MQTT 5 servers send with its messages, if they offer that. */
  readonly identifier: number;
  /** One result a topic filter, in the order they were asked for. Renewed when the client subscribes again after a loss. */
  readonly granted: readonly Granted[];
  /** True once no further message will come. */
  readonly closed: boolean;
  /**
   * Ends the subscription at the server and here. From the call on no further message is given to the application. Resolves at UNSUBACK
   * and when the handlers that were running are done, five seconds later at most. QoS 1 and 2 messages that came and were not given to
   * the application stay unacknowledged for another second: if the client disconnects by then, the server sends them again. Otherwise
   * they are acknowledged and reported as `unclaimed` [MQTT5-4.5.0-2].
   *
   * @param options as for `client.unsubscribe`
   */
  unsubscribe(options?: UnsubscribeOptions): Promise<void>;
  /** As `unsubscribe`, at the end of a block: `await using subscription = await client.subscribe("a/#")`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Made by `client.subscribe` without `onMessage`. An iterator over its messages. */
export interface Subscription extends HandledSubscription, AsyncIterable<Message> {
  /**
   * The next message is asked for when the application is done with the one before, which is acknowledged then.
   *
   * @throws UsageError OPTION_INVALID if the subscription was made with `onMessage`
   */
  [Symbol.asyncIterator](): AsyncIterator<Message, undefined>;
}
