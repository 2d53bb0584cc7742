import type { Bounds } from "../connect-options.js";

/** A subscription that holds so many messages, or holds one for so long, that it delays others. */
export interface SlowConsumer {
  /** The topic filters of the subscription. */
  readonly topicFilters: readonly string[];
  /** The number of messages that arrived for it and are not finished. */
  readonly waiting: number;
  /** The bytes of their topics, payloads and properties. */
  readonly waitingBytes: number;
  /** The age of the oldest of them, in milliseconds. */
  readonly oldest: number;
  /** The bounds: the client's option `inbox`. */
  readonly bound: Bounds;
}
