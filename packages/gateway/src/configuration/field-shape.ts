/** The type of a field as it is written, with what it needs in bytes: `f32`, `text(8)`, `bits(0,3)`. Knows no format. */

import { choice, type Kind, type Place, syntax } from "@aiko/mqtt-configuration";
import { FIELD_TYPES, type FieldType } from "./field-types.js";

export interface FieldShape {
  readonly type: FieldType;
  /** Bytes. Undefined: as many as the type has, or all that are left. */
  readonly size: number | undefined;
  readonly bits: { readonly from: number; readonly length: number } | undefined;
}

/** Types that may have a size, and the most bytes of each. */
const SIZED: Readonly<Partial<Record<FieldType, number>>> = { text: 4096, hex: 4096, bytes: 4096, bcd: 8 };
const MOST_BITS = 16;

const sized = Object.keys(SIZED).join("|");

/** What JSON Schema checks of a type. */
export const TYPE_PATTERN = `(${FIELD_TYPES.join("|")}|(${sized})\\([0-9]{1,4}\\)|bits\\([0-9]{1,2}, ?[0-9]{1,2}\\))`;

const names = choice(...FIELD_TYPES);

export const fieldShape: Kind<FieldShape> = {
  ...syntax<FieldShape>({
    label: `${FIELD_TYPES.map((type) => `"${type}"`).join(" \\| ")}, with a size as in "text(8)" and "bits(0,3)"`,
    rule: "must be a type, such as f32",
    pattern: `^${TYPE_PATTERN}$`,
    read(text, place) {
      const open = text.indexOf("(");
      const type = names.read(open < 0 ? text : text.slice(0, open), place);
      if (type === undefined) return undefined;
      const numbers = open < 0 ? [] : numbersOf(text.slice(open));
      if (numbers === undefined) return place.broken(text, 'must have numbers in parentheses, as "text(8)"');
      return type === "bits" ? bitsOf(numbers, place) : sizeOf(type, numbers, place);
    },
  }),
};

/** The numbers of `(0,3)`. Undefined: there is something else. */
function numbersOf(text: string): readonly number[] | undefined {
  if (text.length > 16 || !/^\(\d{1,4}(?:, ?\d{1,4})?\)$/.test(text)) return undefined;
  return text.slice(1, -1).split(",").map(Number);
}

function bitsOf(numbers: readonly number[], place: Place): FieldShape | undefined {
  const [from = 0, length = 0] = numbers;
  if (numbers.length === 2 && length > 0 && from + length <= MOST_BITS) {
    return { type: "bits", size: undefined, bits: { from, length } };
  }
  return place.problem(
    `bits must have the first bit and the number of bits, at most ${MOST_BITS} together, as "bits(0,3)"`,
  );
}

function sizeOf(type: FieldType, numbers: readonly number[], place: Place): FieldShape | undefined {
  const most = SIZED[type];
  const [size] = numbers;
  if (size !== undefined && most === undefined) return place.problem(`the type "${type}" has no size; remove it`);
  if (size === undefined || (numbers.length === 1 && size >= 1 && size <= (most ?? 0))) {
    return { type, size, bits: undefined };
  }
  return place.problem(`the type "${type}" must have a size of 1 to ${most} bytes, as "${type}(2)"`);
}
