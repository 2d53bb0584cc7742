/** The rate of a growing number, as averages over the last minutes, like the system's load averages. Pure. */

/** The averages that mosquitto publishes, in minutes. */
export const MINUTES = [1, 5, 15] as const;
const MILLISECONDS = 60_000;

export class Load {
  private readonly averages = [0, 0, 0];
  private last = 0;

  /**
   * Takes the number after `elapsed` milliseconds. A longer time since the last call has more weight.
   *
   * @returns what was added in a minute, averaged over each of `MINUTES`
   */
  update(total: number, elapsed: number): readonly number[] {
    if (elapsed <= 0) return this.averages;
    const rate = ((total - this.last) / elapsed) * MILLISECONDS;
    this.last = total;
    for (const [i, minutes] of MINUTES.entries()) {
      const kept = Math.exp(-elapsed / (minutes * MILLISECONDS));
      this.averages[i] = kept * (this.averages[i] ?? 0) + (1 - kept) * rate;
    }
    return this.averages;
  }
}
