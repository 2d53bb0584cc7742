/** How time comes in. Protocol code never reads a clock itself: it is told the time. */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the Unix epoch, by a clock that never steps back while the process lives. */
  now(): number;
  /** Calls `callback` once, when at least `delay` milliseconds have passed: soon, but not before this returns, if it is 0 or less. */
  schedule(delay: number, callback: () => void): Timer;
  /** Calls `callback` once, after what runs now and the promises it settles: the end of "this tick". */
  defer(callback: () => void): void;
  /** Calls `callback` once, as soon as what runs now is done, among the promises that it settles. Default: as `defer`. */
  soon?(callback: () => void): void;
}
