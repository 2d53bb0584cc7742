/** All that one runtime brings, in one object: Node's, a browser's, a small engine's, or a test's. */

import type { Clock } from "./clock.js";
import type { Random } from "./random.js";
import type { Dial } from "./transport.js";

export interface Platform {
  readonly clock: Clock;
  readonly random: Random;
  readonly dial: Dial;
}
