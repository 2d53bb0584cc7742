/** Random numbers that repeat for the same seed, so that a failed run can be reproduced. */

import type { Random } from "../platform/random.js";

/**
 * Random numbers that repeat for the same seed, so that a failed run can be reproduced. The algorithm is mulberry32.
 */
export class SeededRandom implements Random {
  private state: number;

  /** @param seed an integer; only its lower 32 bits count */
  constructor(readonly seed: number) {
    this.state = seed >>> 0;
  }

  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Returns an integer from 0 to `limit` - 1. */
  integer(limit: number): number {
    return Math.floor(this.next() * limit);
  }
}
