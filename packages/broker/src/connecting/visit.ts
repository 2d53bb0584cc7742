/** A connection as its address counts it. */

export interface Visit {
  /** Its client was accepted. */
  accepted(): void;
  /** It has ended. */
  ended(): void;
}
