/**
 * Bounds how many passwords are verified at one time and how many wait. They wait in lanes, which take turns, so that
 * one lane does not delay the others. Knows nothing of passwords.
 */

/** The limits of a queue, each from 1. */
export interface VerificationLimits {
  /** How many run at one time. */
  readonly maximumRunning: number;
  /** How many wait in all lanes. */
  readonly maximumWaiting: number;
}

/** A verification that waits. */
interface Waiting<Result> {
  readonly begin: () => void;
  readonly settle: (result: Result | PromiseLike<Result> | undefined) => void;
}

/** The part of the waiting ones that may be in one lane. */
const SHARE = 0.25;

export class VerificationQueue<Result> {
  /** The lane whose turn is next at the front. None is empty. */
  private readonly lanes = new Map<string, Waiting<Result>[]>();
  private running = 0;
  private waiting = 0;
  private readonly maximumLane: number;

  constructor(private readonly limits: VerificationLimits) {
    this.maximumLane = Math.max(1, Math.floor(limits.maximumWaiting * SHARE));
  }

  /** Resolves to the result of `work`, now or when it has its turn. Resolves to undefined if too many wait. */
  run(lane: string, work: () => Promise<Result>): Promise<Result | undefined> {
    return new Promise((resolve) => {
      const begin = (): void => {
        this.running++;
        const result = new Promise<Result>((settle) => settle(work())); // `work` may throw
        const ended = (): void => {
          this.running--;
          this.next();
        };
        resolve(result);
        result.then(ended, ended);
      };
      if (this.running < this.limits.maximumRunning) begin();
      else if (this.hasRoom(lane)) this.enqueue(lane, { begin, settle: resolve });
      else resolve(undefined);
    });
  }

  private enqueue(lane: string, waiting: Waiting<Result>): void {
    const others = this.lanes.get(lane);
    if (others === undefined) this.lanes.set(lane, [waiting]);
    else others.push(waiting);
    this.waiting++;
  }

  /** If all places are taken, the longest lane loses its last one to a lane that is shorter by more than that. */
  private hasRoom(lane: string): boolean {
    const own = this.lanes.get(lane)?.length ?? 0;
    if (own >= this.maximumLane) return false;
    if (this.waiting < this.limits.maximumWaiting) return true;
    let longest: Waiting<Result>[] = [];
    for (const each of this.lanes.values()) if (each.length > longest.length) longest = each;
    if (longest.length <= own + 1) return false;
    longest.pop()?.settle(undefined);
    this.waiting--;
    return true;
  }

  private next(): void {
    const [turn] = this.lanes;
    if (turn === undefined) return;
    const [lane, waiting] = turn;
    const first = waiting.shift();
    this.lanes.delete(lane);
    if (waiting.length > 0) this.lanes.set(lane, waiting);
    this.waiting--;
    first?.begin();
  }
}
