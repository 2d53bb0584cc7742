// Owns a count of look-ups in Maps: it measures the work of a tree without a clock.

/** How many times `Map.prototype.get` is called while `run` runs. */
export function lookups(run: () => void): number {
  const original = Map.prototype.get;
  let count = 0;
  Map.prototype.get = function (this: Map<unknown, unknown>, key: unknown): unknown {
    count++;
    return original.call(this, key);
  };
  try {
    run();
  } finally {
    Map.prototype.get = original;
  }
  return count;
}
