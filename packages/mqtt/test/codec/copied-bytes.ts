// Owns a count of the bytes that code copies from one typed array into another: it measures work without a clock.

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as { set: Uint8Array["set"] };

/** How many bytes `TypedArray.prototype.set` copies while `run` runs. */
export function copiedBytes(run: () => void): number {
  const original = typedArray.set;
  let copied = 0;
  typedArray.set = function (this: Uint8Array, source: ArrayLike<number>, offset?: number): void {
    copied += source.length;
    original.call(this, source, offset);
  };
  try {
    run();
  } finally {
    typedArray.set = original;
  }
  return copied;
}
