// What an application has received: which numbers, how often, and in which order.
import { topicOf } from "./numbered-message.ts";

export class Tally {
  private readonly counts = new Map<number, number>();
  private readonly highest = new Map<string, number>();
  /** Messages that came for the first time after a later one of their topic. */
  outOfOrder = 0;
  private readonly waiting = new Set<() => void>();

  /** Returns how often it has come now. */
  add(number: number): number {
    const count = (this.counts.get(number) ?? 0) + 1;
    this.counts.set(number, count);
    if (count === 1) {
      const topic = topicOf(number);
      if (number < (this.highest.get(topic) ?? 0)) this.outOfOrder++;
      else this.highest.set(topic, number);
    }
    for (const look of [...this.waiting]) look();
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

  /** Arrivals beyond the first. */
  get repeated(): number {
    let repeated = 0;
    for (const count of this.counts.values()) repeated += count - 1;
    return repeated;
  }

  /** Resolves when all of these have come, or when nothing has for so many milliseconds. */
  async complete(numbers: readonly number[], patience: number): Promise<number[]> {
    const missing = () => numbers.filter((number) => !this.counts.has(number));
    for (;;) {
      const before = missing();
      if (before.length === 0) return before;
      const moved = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => finish(false), patience);
        const look = () => {
          if (missing().length === 0) finish(true);
          else if (this.size % 100 === 0) finish(true);
        };
        const finish = (value: boolean) => {
          clearTimeout(timer);
          this.waiting.delete(look);
          resolve(value);
        };
        this.waiting.add(look);
      });
      if (!moved) return missing();
    }
  }
}
