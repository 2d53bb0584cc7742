/** The settings of a field, and the types that it can have. For the configuration and for the codecs. */

export const FIELD_TYPES = [
  "text",
  "number",
  "bool",
  "json",
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
  "bits",
  "hex",
  "bytes",
  "nmea_lat",
  "nmea_lon",
] as const;

export type FieldType = (typeof FIELD_TYPES)[number];

const NOT_NUMBERS: readonly FieldType[] = ["text", "bool", "json", "hex", "bytes"];

/** Whether the values of the type are numbers. */
export function isNumeric(type: FieldType): boolean {
  return !NOT_NUMBERS.includes(type);
}

/** Orders of the bytes of a number: ABCD, DCBA, with the words swapped, with the bytes of each word swapped. */
export const ENDIANS = ["big", "little", "cdab", "badc"] as const;

export type Endian = (typeof ENDIANS)[number];

/** One value of a record. In text formats, the numeric types are decimal numbers within the type's range. */
export interface FieldSettings {
  readonly name: string;
  readonly type: FieldType;
  readonly unit: string | undefined;
  /** A number is multiplied by it, then `offset` is added. */
  readonly scale: number;
  readonly offset: number;
  /** What becomes of a raw value, by its text. Empty: the value itself. */
  readonly values: Readonly<Record<string, string | number | boolean>>;
  /** A number beyond is dropped as "decode". */
  readonly min: number | undefined;
  readonly max: number | undefined;
  /** The device class of Home Assistant. */
  readonly class: string | undefined;
}

/** Settings of a field of which only name and type are known. @param type undefined if the format chooses one */
export function plainField<Type extends FieldType | undefined>(
  name: string,
  type: Type,
): Omit<FieldSettings, "type"> & { readonly type: Type } {
  return {
    name,
    type,
    unit: undefined,
    scale: 1,
    offset: 0,
    values: {},
    min: undefined,
    max: undefined,
    class: undefined,
  };
}
