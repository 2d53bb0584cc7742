/** Latitudes and longitudes of NMEA 0183: degrees and minutes in one number, `4807.038`, with a hemisphere. */

import type { FieldType } from "../configuration/field-types.js";
import { isDecimal } from "./number.js";
import { withoutTrace } from "./number-type.js";

interface Axis {
  /** The letters of the positive and of the negative hemisphere. */
  readonly letters: readonly [string, string];
  /** Digits of the degrees. */
  readonly digits: number;
  readonly most: number;
}

const AXES: Readonly<Partial<Record<FieldType, Axis>>> = {
  nmea_lat: { letters: ["N", "S"], digits: 2, most: 90 },
  nmea_lon: { letters: ["E", "W"], digits: 3, most: 180 },
};

/** A minute in parts of 1e-7: about 0.2 mm. */
const PARTS = 1e7;
/** What devices write at least. */
const LEAST_DECIMALS = 4;

export function isCoordinate(type: FieldType): boolean {
  return AXES[type] !== undefined;
}

/** Returns degrees, or the rule that the columns break. */
export function degreesOf(type: FieldType, text: string, letter: string): number | string {
  const { letters, digits, most } = AXES[type] as Axis;
  const dot = text.indexOf(".");
  const whole = dot < 0 ? text.length : dot;
  const isRight = whole === digits + 2 && isDecimal(text) && !text.includes("e") && !text.includes("E");
  const first = text.charCodeAt(0);
  if (!isRight || first === 0x2b || first === 0x2d) return `must be ${digits} digits of degrees, and minutes`;
  const sign = letters.indexOf(letter);
  if (sign < 0) return `must be followed by ${letters.join(" or ")}, not "${letter.slice(0, 8)}"`;
  const minutes = Number(text.slice(digits));
  const degrees = withoutTrace(Number(text.slice(0, digits)) + minutes / 60);
  if (minutes >= 60 || degrees > most) return `must have less than 60 minutes, and at most ${most} degrees`;
  return sign === 0 || degrees === 0 ? degrees : -degrees;
}

/** Returns the two columns, or the rule that the degrees break. */
export function columnsOf(type: FieldType, degrees: number): readonly [string, string] | string {
  const { letters, digits, most } = AXES[type] as Axis;
  const size = Math.abs(degrees);
  if (!(size <= most)) return `must be from -${most} to ${most} degrees`;
  const parts = Math.round(size * 60 * PARTS);
  const whole = Math.floor(parts / (60 * PARTS));
  const minutes = (parts - whole * 60 * PARTS) / PARTS;
  let text = minutes.toFixed(7);
  while (text.endsWith("0") && text.length - text.indexOf(".") - 1 > LEAST_DECIMALS) text = text.slice(0, -1);
  return [`${String(whole).padStart(digits, "0")}${minutes < 10 ? "0" : ""}${text}`, letters[degrees < 0 ? 1 : 0]];
}
