/** How chance comes in: jitter of back-off, identifiers that must not collide. Not for secrets. */

export interface Random {
  /** A number in [0, 1), evenly distributed. */
  next(): number;
}
