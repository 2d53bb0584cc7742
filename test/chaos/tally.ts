// The numbers that an application has received, how often, and in which order.
import { topicOf } from "./numbered-message.ts";

export class Tally {
  private readonly counts = new Map<number, number>();
  private readonly highest = new Map<string, number>();
  /** Messages that arrived for the first time after a later one of their topic. */
  outOfOrder = 0;
  /** Called with each number when it arrives. */
  private readonly watchers = new Set<(number: number) => void>();

  /** Returns how often it has arrived now. */
  add(number: number): number {
    const count = (this.counts.get(number) ?? 0) + 1;
    this.counts.set(number, count);
    if (count === 1) {
      const topic = topicOf(number);
      if (number < (this.highest.get(topic) ?? 0)) this.outOfOrder++;
      else this.highest.set(topic, number);
    }
    for (const look of [...this.watchers]) look(number);
    return count;
  }

  times(number: number): number {
    return this.counts.get(number) ?? 0;
  }

  has(number: number): boolean {
    return this.counts.has(number);
  }

  /** Different numbers. */
  get size(): number {
    return this.counts.size;
  }

  /** Arrivals after the first. */
  get repeated(): number {
    let repeated = 0;
    for (const count of this.counts.values()) repeated += count - 1;
    return repeated;
  }

  /** Resolves to the missing numbers: when none is missing, or when nothing has arrived for this many milliseconds. */
  async complete(numbers: readonly number[], patience: number): Promise<number[]> {
    const missing = new Set(numbers.filter((number) => !this.has(number)));
    if (missing.size === 0) return [];
    await new Promise<void>((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        this.watchers.delete(look);
        resolve();
      };
      const timer = setTimeout(finish, patience);
      const look = (number: number) => {
        timer.refresh();
        missing.delete(number);
        if (missing.size === 0) finish();
      };
      this.watchers.add(look);
    });
    return [...missing];
  }
}
