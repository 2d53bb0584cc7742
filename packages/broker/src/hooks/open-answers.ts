/** The answers of hooks that are promises: each is awaited for a limited time. */

import { type Clock, TimeoutError, type Timer } from "@aiko/mqtt";

export class OpenAnswers {
  private readonly timers = new Set<Timer>();

  constructor(
    private readonly clock: Clock,
    /** In milliseconds. */
    private readonly hookTimeout: number,
    /** Receives the error of a hook that failed. */
    readonly report: (error: unknown) => void,
  ) {}

  /**
   * Resolves to the answer, or to the value of `failed` if there is no answer within `hookTimeout`. Never rejects; the
   * reason of a failure is reported.
   *
   * @param read reads the answer; if it throws, the hook has failed
   */
  within<Verdict>(
    hook: string,
    answer: PromiseLike<unknown>,
    read: (answer: unknown) => Verdict | Promise<Verdict>,
    failed: Verdict,
  ): Promise<Verdict> {
    return new Promise<unknown>((resolve, reject) => {
      const timer = this.clock.schedule(this.hookTimeout, () => {
        this.timers.delete(timer);
        reject(new TimeoutError("HANDLER_TIMEOUT", `${hook}: no answer within hookTimeout ${this.hookTimeout} ms`));
      });
      this.timers.add(timer);
      const done = (): void => {
        timer.cancel();
        this.timers.delete(timer);
      };
      Promise.resolve(answer).then(resolve, reject).finally(done);
    })
      .then(read)
      .catch((error: unknown) => {
        this.report(error);
        return failed;
      });
  }

  /** Stops waiting: the broker is closed. Open answers have no effect. */
  close(): void {
    for (const timer of this.timers) timer.cancel();
    this.timers.clear();
  }
}
