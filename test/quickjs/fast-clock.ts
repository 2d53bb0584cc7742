// The clock of a machine: it runs fast while this process runs, and stands still while the process waits for a busy processor. So what
// happens within a time does not depend on what else the computer does.

/** How much faster than real time. */
const HASTE = 20;
/** Real milliseconds that one turn of the event loop counts at the most. */
const LONGEST_TURN = 2;

export class FastClock implements Disposable {
  private time = 0;
  private lookedAt = performance.now();
  private readonly timers = new Map<number, { readonly at: number; readonly run: () => void }>();
  private readonly turns = setInterval(() => this.turn(), 1);

  /** Milliseconds since it began. */
  now(): number {
    return this.time;
  }

  set(id: number, delay: number, run: () => void): void {
    this.timers.set(id, { at: this.time + delay, run });
  }

  clear(id: number): void {
    this.timers.delete(id);
  }

  [Symbol.dispose](): void {
    clearInterval(this.turns);
    this.timers.clear();
  }

  private turn(): void {
    const now = performance.now();
    this.time += HASTE * Math.min(now - this.lookedAt, LONGEST_TURN);
    this.lookedAt = now;
    const due = [...this.timers].filter(([, { at }]) => at <= this.time).sort(([, a], [, b]) => a.at - b.at);
    for (const [id, { run }] of due) if (this.timers.delete(id)) run();
  }
}
