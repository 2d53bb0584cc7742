/** A moment that moves: its timer is set again only when it elapses, because most moments move before. */

import type { Clock, Timer } from "@aiko/mqtt";

export class Deadline {
  private at = Infinity;
  private timer: Timer | undefined;
  private timerAt = Infinity;

  /** @param elapsed is called once when the moment has come */
  constructor(
    private readonly clock: Clock,
    private readonly elapsed: () => void,
  ) {}

  /** Whether a moment is set. */
  get isSet(): boolean {
    return this.at !== Infinity;
  }

  /** Sets the moment, so many milliseconds from now. Replaces the one before. */
  set(delay: number): void {
    this.at = this.clock.now() + delay;
    if (this.timer === undefined || this.at < this.timerAt) this.schedule();
  }

  /** Removes the moment. */
  clear(): void {
    this.at = Infinity;
    this.timer?.cancel();
    this.timer = undefined;
  }

  private schedule(): void {
    this.timer?.cancel();
    this.timerAt = this.at;
    this.timer = this.clock.schedule(this.at - this.clock.now(), () => this.look());
  }

  private look(): void {
    this.timer = undefined;
    if (this.at === Infinity) return;
    if (this.clock.now() < this.at) {
      this.schedule();
      return;
    }
    this.at = Infinity;
    this.elapsed();
  }
}
