/**
 * Counts the work that packets cause in a turn of the event loop, so that one client cannot occupy the broker: a message
 * for 1,000 clients costs 1,000 times as much as a message for one, and a turn may bring a million short packets.
 */

import type { Clock } from "@aiko/mqtt";

/**
 * The most units of a turn of the event loop, about 5 to 10 ms (Node.js 22). A unit is a step to one subscriber of a
 * message.
 */
const TURN = 50_000;
/** A connection that has caused fewer units in a turn need not wait. */
const LEAST = 5_000;
/** Packets with fewer units are so cheap that their steps are not counted. */
const CHEAP = 64;
/** The units of a packet without its steps. */
const PACKET = 5;

export class Workload {
  /** The units that were counted since the broker began. */
  total = 0;
  /** The number of turns in which units were counted. */
  turns = 0;
  /** `total` when the turn began. */
  private before = 0;
  private scheduled = false;

  constructor(private readonly clock: Clock) {}

  add(units: number): void {
    if (units < CHEAP) return;
    this.total += units;
    if (this.scheduled) return;
    this.scheduled = true;
    this.clock.defer(() => {
      this.scheduled = false;
      this.before = this.total;
      this.turns++;
    });
  }

  /** Whether a connection must wait for the next turn. @param own the units that it has caused in this turn */
  isExceeded(own: number): boolean {
    return own >= LEAST && this.total - this.before >= TURN;
  }
}

/** The work that one connection has caused. */
export class Share {
  private own = 0;
  private turn = 0;
  /** The units of packets that were not added to the workload yet. */
  private packets = 0;

  constructor(private readonly workload: Workload) {}

  /** Counts a packet. Returns whether the connection must wait for the next turn. @param steps its other units */
  spend(steps: number): boolean {
    const { workload } = this;
    if (this.turn !== workload.turns) {
      this.turn = workload.turns;
      this.own = 0;
    }
    this.own += steps + PACKET;
    this.packets += PACKET;
    if (this.packets >= MANY) {
      workload.add(this.packets);
      this.packets = 0;
    }
    return workload.isExceeded(this.own);
  }
}

/** Units. Single packets are not worth being counted. */
const MANY = 1_000;
