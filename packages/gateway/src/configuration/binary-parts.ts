/** Where the fields of a binary frame or of registers stand: the places that are written, and those that follow from the order. Reports overlaps. */

import type { Place } from "@aiko/mqtt-configuration";
import type { BinaryLayout, BinaryPart } from "./binary-layout.js";
import type { Endian, FieldType } from "./field-types.js";
import { settingsOf, type WrittenField, type WrittenPart } from "./value-fields.js";

/** What a place is counted in. */
export type Cell = "byte" | "register" | "coil";

/** Bytes of the types that have a size of their own. */
const SIZES: Readonly<Partial<Record<FieldType, number>>> = {
  bool: 1,
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u24: 3,
  u32: 4,
  i32: 4,
  u64: 8,
  f32: 4,
  f64: 8,
  bcd: 1,
};

/** Types that may have all bytes that are left. */
const OPEN: readonly FieldType[] = ["text", "hex", "bytes"];

const TYPES: Readonly<Record<Cell, readonly FieldType[]>> = {
  byte: [
    "bits",
    "bool",
    "u8",
    "i8",
    "u16",
    "i16",
    "u24",
    "u32",
    "i32",
    "u64",
    "f32",
    "f64",
    "bcd",
    "text",
    "hex",
    "bytes",
  ],
  register: ["bits", "bool", "u16", "i16", "u32", "i32", "u64", "f32", "f64", "bcd", "text", "hex", "bytes"],
  coil: ["bool"],
};

/** Returns where the parts are, in bytes; a coil is a bit. Undefined if a problem was reported. */
export function placeParts(
  written: readonly WrittenPart[],
  cell: Cell,
  endian: Endian,
  place: Place,
): BinaryLayout | undefined {
  const parts: BinaryPart[] = [];
  const constants: { at: number; bytes: Uint8Array }[] = [];
  let next = 0;
  for (const [i, each] of written.entries()) {
    const at = place.at(i);
    if (parts.at(-1)?.size === undefined && parts.length > 0) {
      return at.problem("stands after a field that has all bytes that are left; give that field a size");
    }
    if ("constant" in each) {
      if (cell !== "byte") return at.at("const").problem("is possible for the format binary only");
      constants.push({ at: each.at ?? next, bytes: each.constant });
      next = (each.at ?? next) + each.constant.length;
      continue;
    }
    const part = partOf(each, cell, endian, { next, before: parts.at(-1) }, at);
    if (part === undefined) return undefined;
    const overlapping = parts.find((other) => overlap(part, other));
    if (overlapping !== undefined) return at.problem(`"${each.name}" overlaps "${overlapping.settings.name}"`);
    parts.push(part);
    next = part.at + (part.size ?? 0);
    if (cell === "coil") next = 0;
  }
  return checked({ parts, constants, length: lengthOf(parts, constants) }, place);
}

/** What was placed before. */
interface Before {
  /** The offset after it. */
  readonly next: number;
  readonly before: BinaryPart | undefined;
}

function partOf(field: WrittenField, cell: Cell, endian: Endian, before: Before, place: Place): BinaryPart | undefined {
  const type = field.type ?? (cell === "coil" ? "bool" : undefined);
  if (type === undefined) return place.problem(`"${field.name}" must have a type, as in "${field.name}:u16"`);
  if (!TYPES[cell].includes(type)) {
    return place.problem(`the type "${type}" is not possible ${WHERE[cell]}; possible are ${TYPES[cell].join(", ")}`);
  }
  if (!hasNumericKeys(field, type, place)) return undefined;
  const settings = settingsOf(field, type);
  if (cell === "coil") {
    const coil = field.at ?? coilAfter(before.before);
    return { settings, at: coil >> 3, size: 1, endian: "big", bits: { from: coil & 7, length: 1 } };
  }
  const size = sizeOf(field, type, cell, place);
  if (size === false) return undefined;
  const order = field.endian ?? endian;
  if (field.endian !== undefined && (OPEN.includes(type) || type === "bits" || size === 1)) {
    return place.at("endian").problem(`has no meaning for the type "${type}"; remove it`);
  }
  if (type === "u24" && order !== "big" && order !== "little") {
    return place.problem(`the order "${order}" swaps pairs of bytes, and "u24" has three; choose "big" or "little"`);
  }
  const step = cell === "register" ? 2 : 1;
  const at = field.at === undefined ? offsetOf(field, size, before) : field.at * step;
  return { settings, at, size, endian: order, bits: field.bits };
}

const WHERE: Readonly<Record<Cell, string>> = { byte: "in bytes", register: "in registers", coil: "for coils" };

function coilAfter(before: BinaryPart | undefined): number {
  return before?.bits === undefined ? 0 : before.at * 8 + before.bits.from + 1;
}

/** Bits stand in the same byte or register as the bits before them, if they have places after theirs. */
function offsetOf({ bits }: WrittenField, size: number | undefined, { next, before }: Before): number {
  const isSame =
    bits !== undefined && before?.bits !== undefined && before.size === size && next === before.at + (size ?? 0);
  return isSame && bits.from >= before.bits.from + before.bits.length ? before.at : next;
}

/** Undefined: all bytes that are left. False: a problem was reported. */
function sizeOf(field: WrittenField, type: FieldType, cell: Cell, place: Place): number | undefined | false {
  const { bits } = field;
  const isRegister = cell === "register";
  if (bits !== undefined) {
    if (isRegister || bits.from + bits.length <= 8) return isRegister ? 2 : 1;
    place.problem(`bits(${bits.from},${bits.length}) has bits beyond the 8 of its byte; use an integer type for more`);
    return false;
  }
  const size = type === "bool" && isRegister ? 2 : (field.size ?? SIZES[type]);
  if (isRegister && (size === undefined || size % 2 !== 0)) {
    const example = `"${field.name}:${type}(${(size ?? 7) + 1})"`;
    place.problem(`"${type}" must have an even number of bytes, because a register has two: ${example}`);
    return false;
  }
  return size;
}

/** Numbers in bytes are compared with the keys of `values` as decimal integers. */
function hasNumericKeys({ values }: WrittenField, type: FieldType, place: Place): boolean {
  const wrong = OPEN.includes(type)
    ? undefined
    : Object.keys(values).find((key) => !/^-?(?:0|[1-9]\d{0,19})$/.test(key));
  if (wrong === undefined) return true;
  place.at("values").at(wrong).problem("the key must be the number that the device sends, such as 0");
  return false;
}

function overlap(a: BinaryPart, b: BinaryPart): boolean {
  if (a.bits !== undefined && b.bits !== undefined && a.at === b.at && a.size === b.size) {
    return a.bits.from < b.bits.from + b.bits.length && b.bits.from < a.bits.from + a.bits.length;
  }
  return a.at < endOf(b) && b.at < endOf(a);
}

function endOf({ at, size }: BinaryPart): number {
  return size === undefined ? Infinity : at + size;
}

function lengthOf(parts: readonly BinaryPart[], constants: BinaryLayout["constants"]): number {
  const ends = [...parts.map(({ at, size = 0 }) => at + size), ...constants.map(({ at, bytes }) => at + bytes.length)];
  return Math.max(0, ...ends);
}

/** Constants overlap nothing. */
function checked(layout: BinaryLayout, place: Place): BinaryLayout | undefined {
  const { parts, constants } = layout;
  for (const [i, { at, bytes }] of constants.entries()) {
    const part = parts.find((each) => at < endOf(each) && each.at < at + bytes.length);
    if (part !== undefined) return place.problem(`the constant at byte ${at} overlaps "${part.settings.name}"`);
    const other = constants.find((each, k) => k > i && at < each.at + each.bytes.length && each.at < at + bytes.length);
    if (other !== undefined) return place.problem(`the constants at the bytes ${at} and ${other.at} overlap`);
  }
  return parts.length === 0 ? place.problem("must have a field in addition to constants") : layout;
}
