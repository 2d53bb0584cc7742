/**
 * Sees to it that SUBSCRIBE and UNSUBSCRIBE are answered: a server that keeps a connection alive and leaves them unanswered is
 * given up as one that is silent is. One timer, while requests are unanswered.
 */

import { TimeoutError } from "../errors.js";
import type { Clock, Timer } from "../platform/clock.js";

export interface AnswerWatchOwner {
  /** Which sending of a request has waited longest for its answer: a number that no other has; 0 if none waits. */
  readonly oldestUnanswered: number;
  /** The server does not answer it. */
  unanswered(error: TimeoutError): void;
}

/** Milliseconds that a server has for an answer; it may take up to twice as long to be noticed. */
const ANSWER_TIME = 60_000;

export class AnswerWatch {
  private timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly owner: AnswerWatchOwner,
  ) {}

  /** Something was asked, or answered. */
  look(): void {
    const oldest = this.owner.oldestUnanswered;
    if (oldest === 0) {
      this.timer?.cancel();
      this.timer = undefined;
      return;
    }
    this.timer ??= this.clock.schedule(ANSWER_TIME, () => {
      this.timer = undefined;
      if (this.owner.oldestUnanswered === oldest) {
        const waited = `the server left SUBSCRIBE or UNSUBSCRIBE unanswered for ${ANSWER_TIME} ms`;
        this.owner.unanswered(new TimeoutError("ANSWER_TIMEOUT", waited));
      }
      this.look();
    });
  }
}
