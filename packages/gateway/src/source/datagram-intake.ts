/**
 * The intake of datagrams: each is framed alone, and all are accepted in the order in which they came, whoever sent them. A batch has the
 * datagrams that came while the one before was being written. Knows nothing of sockets.
 */

import type { Outcome, Peer, Wire } from "../pipeline/outcome.js";
import type { Intake, Verdict } from "./intake.js";
import { costOf } from "./outcome-cost.js";

/** What became of a datagram's frames: their outcomes and verdicts. Undefined if they are not accepted, because the source stops or they were abandoned. */
export type Settled = { readonly outcomes: readonly Outcome[]; readonly verdicts: readonly Verdict[] } | undefined;

interface Arrived {
  readonly from: object | undefined;
  readonly peer: Peer;
  readonly outcome: Outcome;
  /** Called with the verdict of the outcome. */
  done(verdict: Verdict | undefined): void;
}

export class DatagramIntake {
  /** The cost of what waits and of what is being committed, in bytes. */
  cost = 0;
  private waiting: Arrived[] = [];
  private isOver = false;
  private working: Promise<void> | undefined;

  /** @param hold whether datagrams wait while the spool is full. If not, they are dropped as "full" */
  constructor(
    private readonly intake: Intake,
    private readonly hold: boolean,
  ) {}

  /**
   * Takes a datagram. Resolves when all of its frames are accepted or dropped.
   *
   * @param from the connection that sends it again if it is lost: see `abandon`
   */
  receive(wire: Wire, peer: Peer, bytes: Uint8Array, from?: object): Promise<Settled> {
    if (this.isOver) return Promise.resolve(undefined);
    const { traffic, parts } = this.intake;
    traffic.receive(bytes.length);
    const now = parts.clock.now();
    const outcomes = [...wire.push(bytes, now), ...wire.end(now)];
    const verdicts: Verdict[] = [];
    if (outcomes.length === 0) return Promise.resolve({ outcomes, verdicts });
    return new Promise((resolve) => {
      const done = (verdict: Verdict | undefined): void => {
        if (verdict === undefined) resolve(undefined);
        else if (verdicts.push(verdict) === outcomes.length) resolve({ outcomes, verdicts });
      };
      for (const outcome of outcomes) {
        this.waiting.push({ from, peer, outcome, done });
        this.spend(costOf(outcome));
      }
      this.working ??= this.work();
    });
  }

  /** The connection is closed: what waits from it is forgotten, because it comes again. What is being committed may be accepted. */
  abandon(from: object): void {
    const abandoned = this.waiting.filter((each) => each.from === from);
    this.waiting = this.waiting.filter((each) => each.from !== from);
    for (const { peer, outcome, done } of abandoned) {
      this.spend(-costOf(outcome));
      this.intake.pipeline.notAccepted(peer, outcome);
      done(undefined);
    }
  }

  /** Resolves when all that was received is accepted or dropped. */
  async close(): Promise<void> {
    await this.working;
    this.isOver = true;
  }

  /** @param cost negative: what no longer waits */
  private spend(cost: number): void {
    this.cost += cost;
    this.intake.parts.budget.take(cost);
  }

  /** Never rejects. */
  private async work(): Promise<void> {
    while (this.waiting.length > 0) {
      const count = this.intake.batch(this.waiting.map(({ outcome }) => outcome));
      const batch = this.waiting.splice(0, count);
      const outcomes = batch.map(({ outcome }) => outcome);
      const verdicts = await this.intake.commit((i) => (batch[i] as Arrived).peer, outcomes, this.hold);
      for (const outcome of outcomes) this.spend(-costOf(outcome));
      for (const [i, { done }] of batch.entries()) done(verdicts?.[i]);
      if (verdicts !== undefined) continue;
      // Nothing that came later may be accepted either.
      this.isOver = true;
      for (const { done } of this.waiting.splice(0)) done(undefined);
      this.spend(-this.cost);
    }
    this.working = undefined;
  }
}
