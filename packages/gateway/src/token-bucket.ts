/** Limits how much passes in a time: so much a second, and as much at once. Pure: the time is an argument, in milliseconds. */

export class TokenBucket {
  private tokens: number;
  private at = -Infinity;

  /**
   * @param perSecond 0: no limit
   * @param burst what may pass at once
   */
  constructor(
    private readonly perSecond: number,
    private readonly burst = perSecond,
  ) {
    this.tokens = burst;
  }

  /** Takes so much. May go below zero, so that something larger than a second's share passes too. */
  take(now: number, amount: number): void {
    this.fill(now);
    this.tokens -= amount;
  }

  /** Takes one, if there is a whole one. Returns whether there was. */
  takeOne(now: number): boolean {
    if (this.perSecond === 0) return true;
    this.fill(now);
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }

  /** Milliseconds until something may pass; 0 if it may now. */
  delay(now: number): number {
    if (this.perSecond === 0) return 0;
    this.fill(now);
    return this.tokens > 0 ? 0 : ((1 - this.tokens) * 1_000) / this.perSecond;
  }

  private fill(now: number): void {
    if (this.at !== -Infinity) {
      this.tokens = Math.min(this.burst, this.tokens + ((now - this.at) * this.perSecond) / 1_000);
    }
    this.at = now;
  }
}
