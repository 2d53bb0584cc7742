/** The order of the bytes of a number. Knows no type. */

import type { Endian } from "../configuration/field-types.js";

/**
 * Returns where the byte of a significance stands, 0 being the most significant: `big` is ABCD, `little` DCBA, `cdab` has the words swapped, `badc`
 * the bytes of each word.
 */
export function placeOfByte(endian: Endian, size: number, significance: number): number {
  switch (endian) {
    case "big":
      return significance;
    case "little":
      return size - 1 - significance;
    case "cdab":
      return size % 2 === 0 ? size - 2 - (significance & ~1) + (significance & 1) : significance;
    case "badc":
      return size % 2 === 0 ? significance ^ 1 : significance;
  }
}
