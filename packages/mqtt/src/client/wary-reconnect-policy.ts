/** Delays between attempts where another client may use the same identifier. Apart, for those who do not suspect any. */

import type { Random } from "../platform/random.js";
import { type ReconnectDelays, ReconnectPolicy, STABLE } from "./reconnect-policy.js";

export class WaryReconnectPolicy extends ReconnectPolicy {
  readonly #longest: number;
  #since: number | undefined;
  /** How long a connection must last for waits to be short again. */
  #stable = STABLE;

  constructor(delays: ReconnectDelays, random: Random) {
    super(delays, random);
    this.#longest = delays.maximumDelay;
  }

  override connected(now: number): void {
    super.connected(now);
    this.#since = now;
  }

  /**
   * Another client seems to use the same identifier, and each connection that lasts only does so until that client's wait is
   * over: waits grow until one lasts longer than any wait.
   */
  rival(): void {
    this.#stable = Math.max(STABLE, 2 * this.#longest);
  }

  override next(now: number, slowly = false): number | undefined {
    if (this.#since !== undefined && now - this.#since >= this.#stable) this.#stable = STABLE;
    this.#since = undefined;
    return super.next(now, slowly, this.#stable);
  }
}
