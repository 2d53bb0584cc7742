/** Unpredictable random numbers: from the runtime's cryptographic generator, if it has one. */

import type { Random } from "../platform/random.js";

/** Read at the first use, since Node loads the generator then. */
const runtime = globalThis as unknown as { readonly crypto?: Generator };

interface Generator {
  getRandomValues(numbers: Uint32Array): unknown;
}

/**
 * Generated ahead, since one call of the generator takes a hundred times as long as one number. Each result uses two.
 */
const drawn = new Uint32Array(128);
let used = drawn.length;

/**
 * The next numbers of `Math.random` can be computed from a few earlier ones. So it is used only if there is no other
 * generator.
 */
export const random: Random = {
  next: () => {
    const { crypto } = runtime;
    return crypto === undefined ? Math.random() : secret(crypto);
  },
};

function secret(source: Generator): number {
  if (used === drawn.length) {
    source.getRandomValues(drawn);
    used = 0;
  }
  const high = drawn[used] as number;
  const low = drawn[used + 1] as number;
  drawn.fill(0, used, used + 2); // used numbers must not remain in memory
  used += 2;
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
}
