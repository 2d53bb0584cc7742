/**
 * The clock of a runtime. Protocol code never reads a clock: it receives the time as an argument. The contract requires only what all
 * platforms provide. `clockSuite` of `@aiko/mqtt/testing` checks it, and FakeClock provides every kind of clock that it allows.
 */

/** A scheduled callback. */
export interface Timer {
  /** Cancels the callback if it has not run yet. Otherwise does nothing. */
  cancel(): void;
}

/** The clock and timers of a runtime. `clockSuite` of `@aiko/mqtt/testing` checks an implementation. */
export interface Clock {
  /**
   * Returns the time in milliseconds, possibly with a fraction. It never goes back while the process lives, even if the
   * system's clock does. It may jump forward, and may omit the time for which the machine sleeps.
   *
   * For the full client, the time counts from the Unix epoch, as the system's clock had it when this clock was first
   * read. The expiry of stored messages depends on it, and continues in the next process. The small client stores
   * nothing, so its clock may count from any moment.
   */
  now(): number;
  /**
   * Calls `callback` once after `delay` milliseconds: at most one millisecond early, since timers have no fractions,
   * and possibly later. Never calls it before `schedule` returns. A delay of zero or less means a later turn of the
   * event loop. Accepts any delay, including Infinity, which never elapses. The clock of the small client may limit
   * delays to 2^31 - 1.
   */
  schedule(delay: number, callback: () => void): Timer;
  /**
   * Calls `callback` once after the current code: after the promises that it settles, or among them as a microtask.
   * Keeps the order of the calls. `callback` must not throw. A clock with `soon` calls it after the promises.
   */
  defer(callback: () => void): void;
  /**
   * Calls `callback` once directly after the current code, among the promises that it settles. Keeps the order of the
   * calls. `callback` must not throw. Default: none; `defer` is used instead.
   */
  soon?(callback: () => void): void;
}
