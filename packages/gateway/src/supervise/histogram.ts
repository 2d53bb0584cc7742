/** How often a duration was within each of some bounds. For metrics. */

export interface HistogramCounts {
  /** For each bound, in seconds, how many durations were at most that long. */
  readonly buckets: readonly (readonly [bound: number, count: number])[];
  /** The sum of all durations, in seconds. */
  readonly sum: number;
  readonly count: number;
}

export class Histogram {
  private readonly perBound: number[];
  private sum = 0;
  private count = 0;

  /** @param bounds in seconds, ascending */
  constructor(private readonly bounds: readonly number[]) {
    this.perBound = bounds.map(() => 0);
  }

  get counts(): HistogramCounts {
    let below = 0;
    const buckets = this.bounds.map((bound, i) => {
      below += this.perBound[i] ?? 0;
      return [bound, below] as const;
    });
    return { buckets, sum: this.sum, count: this.count };
  }

  add(seconds: number): void {
    const i = this.bounds.findIndex((bound) => seconds <= bound);
    if (i >= 0) this.perBound[i] = (this.perBound[i] ?? 0) + 1;
    this.sum += seconds;
    this.count++;
  }
}
