// The clock of a machine: it runs fast while this process runs, and stops while the process waits for a busy processor.
// Therefore events within a time limit do not depend on other processes of the computer.

/** The factor compared with real time. */
const HASTE = 20;
/** The maximum of real milliseconds that one turn of the event loop counts. */
const LONGEST_TURN = 2;

export class FastClock implements Disposable {
  private time = 0;
  private lookedAt = performance.now();
  private readonly timers = new Map<number, { readonly at: number; readonly run: () => void }>();
  private readonly turns = setInterval(() => this.turn(), 1);

  /** Milliseconds since it started. */
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
