/** Everything that a runtime provides, in one object: Node's, a browser's, a small engine's, or a test's. */

import type { Clock } from "./clock.js";
import type { Random } from "./random.js";
import type { Dial } from "./transport.js";

/** What a runtime provides: clock, randomness and network. */
export interface Platform {
  /** The clock and timers. */
  readonly clock: Clock;
  /** The random numbers. */
  readonly random: Random;
  /** Opens network connections. */
  readonly dial: Dial;
  /**
   * Registers a callback for moments at which events may have been missed: the network is available again, or a hidden
   * page is shown. Returns a function that removes it. Default: never called.
   */
  readonly onWake?: ((callback: () => void) => () => void) | undefined;
  /** Returns the milliseconds by which timers may be late now: a minute in a hidden page. Default 0. */
  readonly timerLateness?: (() => number) | undefined;
}
