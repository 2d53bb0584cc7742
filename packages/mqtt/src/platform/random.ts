/**
 * Random numbers for back-off jitter, identifiers that must not collide, and correlation data that must not be guessed.
 * Use a cryptographic generator if the engine has one: the numbers of `Math.random` can be predicted, and then
 * responses to requests can be forged.
 */

/**
 * A source of random numbers, for back-off jitter, identifiers and correlation data. Use a cryptographic generator if
 * the engine has one: if the numbers can be predicted, responses to requests can be forged.
 */
export interface Random {
  /** Returns a number in [0, 1), evenly distributed. */
  next(): number;
}
