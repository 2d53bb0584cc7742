/** Numbers in bytes, of each type and in each order of bytes. Knows no scale and no field. */

import type { BinaryPart } from "../configuration/binary-layout.js";
import type { FieldType } from "../configuration/field-types.js";
import { placeOfByte } from "./endian.js";
import { exactNumber } from "./number.js";

/** Where a type is in a view of 8 bytes, the most significant first. */
interface Access {
  get(view: DataView): number | string;
  set(view: DataView, value: number | string): void;
}

const unsigned: Access = {
  get: (view) => view.getUint32(4),
  set: (view, value) => view.setUint32(4, Number(value)),
};

/** What is not listed is an unsigned integer of at most 4 bytes. */
const ACCESS: Readonly<Partial<Record<FieldType, Access>>> = {
  i8: { get: (view) => view.getInt8(7), set: (view, value) => view.setInt8(7, Number(value)) },
  i16: { get: (view) => view.getInt16(6), set: (view, value) => view.setInt16(6, Number(value)) },
  i32: { get: (view) => view.getInt32(4), set: (view, value) => view.setInt32(4, Number(value)) },
  u64: {
    get: (view) => exactNumber(String(view.getBigUint64(0))),
    set: (view, value) => view.setBigUint64(0, BigInt(value)),
  },
  f32: { get: (view) => shortest(view.getFloat32(4)), set: (view, value) => view.setFloat32(4, Number(value)) },
  f64: { get: (view) => view.getFloat64(0), set: (view, value) => view.setFloat64(0, Number(value)) },
};

export class BytesNumber {
  private readonly view = new DataView(new ArrayBuffer(8));

  /** Returns undefined if there are digits of a bcd number that are not decimal. A number that a double cannot hold is a text. */
  read(part: BinaryPart, bytes: Uint8Array): number | string | undefined {
    const { at, size = 0, endian, bits } = part;
    const { type } = part.settings;
    const { view } = this;
    this.clear();
    for (let i = 0; i < size; i++) view.setUint8(8 - size + i, bytes[at + placeOfByte(endian, size, i)] as number);
    if (bits !== undefined) return (view.getUint32(4) >>> bits.from) & (2 ** bits.length - 1);
    if (type !== "bcd") return (ACCESS[type] ?? unsigned).get(view);
    let digits = "";
    for (let i = 8 - size; i < 8; i++) {
      const byte = view.getUint8(i);
      if (byte >> 4 > 9 || (byte & 15) > 9) return undefined;
      digits += String(byte >> 4) + String(byte & 15);
    }
    return exactNumber(digits);
  }

  /** Adds the number to `bytes`, which are 0 there. Returns the rule that it breaks, in words that follow it. @param value in the range of the type */
  write(part: BinaryPart, value: number | string, bytes: Uint8Array): string | undefined {
    const { at, size = 0, endian, bits } = part;
    const { type } = part.settings;
    const { view } = this;
    this.clear();
    if (bits !== undefined) {
      const most = 2 ** bits.length - 1;
      if (Number(value) > most) return `must be an integer from 0 to ${most}`;
      view.setUint32(4, Number(value) * 2 ** bits.from);
    } else if (type === "bcd") {
      const digits = String(value).padStart(2 * size, "0");
      if (digits.length > 2 * size) return `must have at most ${2 * size} digits`;
      for (let i = 0; i < size; i++) {
        view.setUint8(8 - size + i, Number(digits[2 * i]) * 16 + Number(digits[2 * i + 1]));
      }
    } else {
      (ACCESS[type] ?? unsigned).set(view, value);
    }
    for (let i = 0; i < size; i++) {
      const place = at + placeOfByte(endian, size, i);
      bytes[place] = (bytes[place] as number) | view.getUint8(8 - size + i);
    }
    return undefined;
  }

  private clear(): void {
    this.view.setUint32(0, 0);
    this.view.setUint32(4, 0);
  }
}

/** Returns the number with the fewest digits that is the same as f32: 0.1, not 0.10000000149011612. */
function shortest(value: number): number {
  if (Number.isInteger(value) || !Number.isFinite(value)) return value;
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}
