/**
 * How chance comes in: jitter of back-off, identifiers that must not collide, and correlation data that nobody may guess. Take a generator
 * for secrets if the engine has one: whoever works out the next numbers of `Math.random` can forge responses to requests.
 */

export interface Random {
  /** A number in [0, 1), evenly distributed. */
  next(): number;
}
