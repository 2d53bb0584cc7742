/** The numeric types: which numbers each can hold. Knows no field and no bytes. */

import type { FieldType } from "../configuration/field-types.js";

/** The least and the greatest value of the integer types. */
const INTEGERS: Readonly<Partial<Record<FieldType, readonly [number, number]>>> = {
  u8: [0, 0xff],
  i8: [-0x80, 0x7f],
  u16: [0, 0xffff],
  i16: [-0x8000, 0x7fff],
  u24: [0, 0xff_ffff],
  u32: [0, 0xffff_ffff],
  i32: [-0x8000_0000, 0x7fff_ffff],
  bits: [0, 0xffff],
};
const F32_MAX = 3.4028234663852886e38;
const U64_MAX = "18446744073709551615";

/** Decimal digits that every double keeps: 3 × 0.1 is 0.3. */
const DIGITS = 15;

/** Whether a number of the type has no fraction. */
export function isIntegerType(type: FieldType): boolean {
  return INTEGERS[type] !== undefined || type === "u64" || type === "bcd";
}

/**
 * Returns the rule that a number breaks, in words that follow it; undefined if the type can hold it.
 *
 * @param exact the number, or a decimal text of a number that a double cannot hold
 */
export function rangeProblem(type: FieldType, exact: number | string): string | undefined {
  const value = Number(exact);
  const range = INTEGERS[type];
  if (range !== undefined && !(Number.isInteger(value) && value >= range[0] && value <= range[1])) {
    return `must be an integer from ${range[0]} to ${range[1]}`;
  }
  if ((type === "u64" || type === "bcd") && !isU64(exact)) return `must be an integer from 0 to ${U64_MAX}`;
  if (!Number.isFinite(value) || (type === "f32" && Math.abs(value) > F32_MAX)) {
    return `is beyond the range of ${type === "f32" ? "f32" : "f64"}`;
  }
  return undefined;
}

/** Returns `value` without the last digits of a double, which are a trace of binary fractions. */
export function withoutTrace(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(DIGITS));
}

function isU64(value: number | string): boolean {
  if (typeof value === "number") return Number.isSafeInteger(value) && value >= 0;
  let from = value.charCodeAt(0) === 0x2b ? 1 : 0;
  while (from < value.length - 1 && value.charCodeAt(from) === 0x30) from++;
  const digits = value.slice(from);
  if (digits.includes(".") || digits.includes("e") || digits.includes("E") || digits.startsWith("-")) return false;
  return digits.length < U64_MAX.length || (digits.length === U64_MAX.length && digits <= U64_MAX);
}
