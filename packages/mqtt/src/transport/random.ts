/** Chance that nobody can predict: from the runtime's generator for secrets, if it has one. */

import type { Random } from "../platform/random.js";

const { crypto } = globalThis as { readonly crypto?: { getRandomValues(numbers: Uint32Array): unknown } };

/** Drawn ahead, since a call of the generator costs a hundred times what a number does: two for each that is asked for. */
const drawn = new Uint32Array(128);
let used = drawn.length;

/** `Math.random` lets its next numbers be worked out from a few that were seen: it is taken only where there is nothing else. */
export const random: Random = {
  next: crypto === undefined ? Math.random : () => secret(crypto),
};

function secret(source: NonNullable<typeof crypto>): number {
  if (used === drawn.length) {
    source.getRandomValues(drawn);
    used = 0;
  }
  const high = drawn[used] as number;
  const low = drawn[used + 1] as number;
  drawn.fill(0, used, used + 2); // what was given out is nobody else's
  used += 2;
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
}
