/** All that one runtime brings, in one object: Node's, a browser's, a small engine's, or a test's. */

import type { Clock } from "./clock.js";
import type { Random } from "./random.js";
import type { Dial } from "./transport.js";

export interface Platform {
  readonly clock: Clock;
  readonly random: Random;
  readonly dial: Dial;
  /**
   * Calls back whenever what was waited for may have come unnoticed: the network is said to be there again, or a page that was hidden
   * is shown. Returns what ends it. Default: never.
   */
  readonly onWake?: ((callback: () => void) => () => void) | undefined;
  /** Milliseconds by which timers may come late at present: a minute in a hidden page. Default 0. */
  readonly timerLateness?: (() => number) | undefined;
}
