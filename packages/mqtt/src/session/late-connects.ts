/**
 * This client's CONNECTs that were never answered. A network may deliver one long after the client closed its
 * connection. The server then closes the client's current connection as taken over. Owns how many such CONNECTs there
 * may be, and for how long.
 */

/** Milliseconds after which Linux stops resending unacknowledged TCP data (tcp_retries2, 924.6 s), rounded up. */
const LONGEST_DELAY = 930_000;
/** How many CONNECTs are remembered. */
const MOST_REMEMBERED = 100;
/**
 * For this many milliseconds after its first CONNECT, a client expects delayed CONNECTs of an earlier process with its
 * identifier.
 */
const YOUNG = 60_000;
/** How many take-overs in that time may be due to them. */
const MOST_OF_EARLIER_PROCESS = 3;

/** Whose CONNECT is assumed to have caused a take-over of the session. */
export type TakeOver = "own" | "earlier process" | "another client";

export class LateConnects {
  /** When they were sent, in the clock's milliseconds, ascending. */
  private unanswered: readonly number[] = NONE;
  /** When the CONNECT of the current connection was sent; undefined after it was answered. */
  private pending: number | undefined;
  private ofEarlierProcess = MOST_OF_EARLIER_PROCESS;

  /** @param firstSent when the client's first CONNECT was sent */
  constructor(private readonly firstSent: number) {}

  /**
   * Whether there is nothing to remember. That is true for most clients of a process, and their object need not be
   * kept.
   */
  get isEmpty(): boolean {
    return (
      this.pending === undefined && this.unanswered.length === 0 && this.ofEarlierProcess === MOST_OF_EARLIER_PROCESS
    );
  }

  /** Called when CONNECT is sent. */
  sent(now: number): void {
    this.pending = now;
  }

  /** Called when CONNACK is received. */
  answered(): void {
    this.pending = undefined;
  }

  /** Called when the connection is lost. */
  lost(): void {
    if (this.pending === undefined) return;
    this.unanswered = [...this.unanswered, this.pending].slice(-MOST_REMEMBERED);
    this.pending = undefined;
  }

  /** Returns whether a CONNECT may have reached the server late, or may still reach it. */
  possible(now: number): boolean {
    if (this.unanswered.length === 0) return false;
    this.unanswered = this.unanswered.filter((sent) => now - sent < LONGEST_DELAY);
    return this.unanswered.length > 0;
  }

  /**
   * Called when the server reports that another connection took over the session. Each CONNECT explains one take-over.
   */
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
