import type { Bounds } from "../connect-options.js";

/** A subscription of which more waits, or for longer, than is good for the others. */
export interface SlowConsumer {
  readonly topicFilters: readonly string[];
  /** Messages that came for it and are not finished. */
  readonly waiting: number;
  /** Their topics, payloads and properties, in bytes. */
  readonly waitingBytes: number;
  /** How many milliseconds ago the oldest of them came. */
  readonly oldest: number;
  /** The option `inbox`. */
  readonly bound: Bounds;
}
