/**
 * Counts the work that packets cause, so that few bytes of one client cannot occupy the broker: a message for 1,000
 * clients costs 1,000 times as much as a message for one.
 */

import type { Clock } from "@aiko/mqtt";

/**
 * The most units of a turn of the event loop, about 5 to 10 ms (Node.js 22). A unit is a step to one subscriber of a message.
 */
const TURN = 50_000;
/** A connection that has caused fewer units in a turn need not wait. */
const LEAST = 5_000;
/** Packets with fewer units are so cheap that they are not counted. */
const CHEAP = 64;

export class Workload {
  private done = 0;
  /** `done` when the turn began. */
  private turn = 0;
  private scheduled = false;

  constructor(private readonly clock: Clock) {}

  /** The units that were counted since the broker began. */
  get total(): number {
    return this.done;
  }

  add(units: number): void {
    if (units < CHEAP) return;
    this.done += units;
    if (this.scheduled) return;
    this.scheduled = true;
    this.clock.defer(() => {
      this.scheduled = false;
      this.turn = this.done;
    });
  }

  /** Whether a connection must wait for the next turn. @param since `total` when the connection began */
  isExceeded(since: number): boolean {
    const { done } = this;
    return done - this.turn >= TURN && done - since >= LEAST;
  }
}
