/**
 * This client's own CONNECTs that were never answered. A network may deliver one long after the client closed its connection: the server
 * then closes the connection that the client has by that time, as taken over. Owns how many there may be and for how long.
 */

/** Milliseconds after which Linux stops resending unacknowledged TCP data (tcp_retries2, 924.6 s), rounded up. */
const LONGEST_DELAY = 930_000;
/** How many are remembered. */
const MOST_REMEMBERED = 100;
/** Milliseconds after its first CONNECT in which a client expects late CONNECTs of an earlier process with its identifier. */
const YOUNG = 60_000;
/** How many take-overs in that time may be theirs. */
const MOST_OF_EARLIER_PROCESS = 3;

/** Whose CONNECT is assumed to have caused a take-over of the session. */
export type TakeOver = "own" | "earlier process" | "another client";

export class LateConnects {
  /** When they were sent, in the clock's milliseconds, ascending. */
  private unanswered: readonly number[] = NONE;
  /** When the CONNECT of the present connection was sent; undefined once it was answered. */
  private pending: number | undefined;
  private ofEarlierProcess = MOST_OF_EARLIER_PROCESS;

  /** @param firstSent when the client's first CONNECT was sent */
  constructor(private readonly firstSent: number) {}

  /** Whether there is nothing to remember: most clients in a process have none, and it need not be kept for them. */
  get isEmpty(): boolean {
    return (
      this.pending === undefined && this.unanswered.length === 0 && this.ofEarlierProcess === MOST_OF_EARLIER_PROCESS
    );
  }

  /** CONNECT is on its way. */
  sent(now: number): void {
    this.pending = now;
  }

  /** CONNACK has come. */
  answered(): void {
    this.pending = undefined;
  }

  /** The connection is gone. */
  lost(): void {
    if (this.pending === undefined) return;
    this.unanswered = [...this.unanswered, this.pending].slice(-MOST_REMEMBERED);
    this.pending = undefined;
  }

  /** Whether one may have reached the server, or may still do so. */
  possible(now: number): boolean {
    if (this.unanswered.length === 0) return false;
    this.unanswered = this.unanswered.filter((sent) => now - sent < LONGEST_DELAY);
    return this.unanswered.length > 0;
  }

  /** The server says that another connection took the session over. Each CONNECT explains one such take-over. */
  takenOver(now: number): TakeOver {
    if (this.possible(now)) {
      this.unanswered = this.unanswered.slice(1);
      return "own";
    }
    if (now - this.firstSent >= YOUNG || this.ofEarlierProcess === 0) return "another client";
    this.ofEarlierProcess--;
    return "earlier process";
  }
}

const NONE: readonly number[] = [];
