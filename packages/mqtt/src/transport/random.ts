/** Chance that nobody can predict: from the runtime's generator for secrets, if it has one. */

import type { Random } from "../platform/random.js";

const { crypto } = globalThis as { readonly crypto?: { getRandomValues(numbers: Uint32Array): unknown } };

const numbers = new Uint32Array(2);

/** `Math.random` lets its next numbers be worked out from a few that were seen: it is taken only where there is nothing else. */
export const random: Random = {
  next: crypto === undefined ? Math.random : () => secret(crypto),
};

function secret(source: NonNullable<typeof crypto>): number {
  source.getRandomValues(numbers);
  const [high, low] = numbers as unknown as readonly [number, number];
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
}
