/** The part of the standard AbortSignal that this library reads, so that engines without one can implement it. */

/** The part of the standard AbortSignal that this library uses. Engines without AbortSignal can implement it. */
export interface AbortSignalLike {
  /** Whether the signal has fired. */
  readonly aborted: boolean;
  /** Why it fired. */
  readonly reason?: unknown;
  /** Registers a listener that is called when the signal fires. */
  addEventListener(type: "abort", listener: () => void): void;
  /** Removes a listener. */
  removeEventListener(type: "abort", listener: () => void): void;
}
