/**
 * The clock of a runtime. Protocol code never reads a clock: it receives the time as an argument. The contract requires only what all
 * platforms provide. `clockSuite` of `@aiko/mqtt/testing` checks it, and FakeClock provides every kind of clock that it allows.
 */

export interface Timer {
  /** Cancels the callback if it has not run yet. Does nothing otherwise. */
  cancel(): void;
}

export interface Clock {
  /**
   * Returns milliseconds, perhaps with a fraction. Never steps back while the process lives, even if the system's clock does. May jump
   * forward, and may leave out the time for which the machine sleeps.
   *
   * For the whole client, they count from the Unix epoch, as the system's clock had it when this clock was first read: the expiry of
   * stored messages goes on in the next process. The small client stores nothing, and its clock may count from anywhere.
   */
  now(): number;
  /**
   * Calls `callback` once, when `delay` milliseconds have passed: up to one millisecond early, since timers know no fractions, or as
   * late as the platform pleases; never before this returns. Zero or less is the next turn of the event loop or a later one. Takes
   * any delay, Infinity too, which never comes; the small client's clock may cut delays down to 2^31 - 1.
   */
  schedule(delay: number, callback: () => void): Timer;
  /**
   * Calls `callback` once, when what runs now is done: after the promises that it settles, or among them as a microtask. In the order
   * of the calls. `callback` must not throw. A clock with `soon` calls it after the promises.
   */
  defer(callback: () => void): void;
  /**
   * Calls `callback` once, as soon as what runs now is done, among the promises that it settles. In the order of the calls. `callback`
   * must not throw. Default: none; then `defer` does.
   */
  soon?(callback: () => void): void;
}
