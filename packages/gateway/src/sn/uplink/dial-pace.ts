/**
 * Spreads connections over time: after an outage, all clients of a transparent gateway connect again at once. Knows no client.
 */

import type { Clock } from "@aiko/mqtt";
import { TokenBucket } from "../../token-bucket.js";

/** Connections a second, and at once. */
const PER_SECOND = 50;
const BURST = 200;

export class DialPace {
  private readonly bucket = new TokenBucket(PER_SECOND, BURST);

  constructor(private readonly clock: Clock) {}

  /** Resolves when the next connection may be opened: in the order of the calls. */
  async turn(): Promise<void> {
    const now = this.clock.now();
    const delay = this.bucket.delay(now);
    this.bucket.take(now, 1);
    if (delay > 0) await new Promise<void>((resolve) => void this.clock.schedule(delay, resolve));
  }
}
