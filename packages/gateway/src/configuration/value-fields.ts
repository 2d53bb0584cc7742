/** The table of `fields`: the values of a record. Knows no format. */

import {
  choice,
  dictionary,
  integer,
  isTable,
  type Kind,
  list,
  number,
  optional,
  preset,
  required,
  scalar,
  shortOr,
  syntax,
  table,
  text,
} from "@aiko/mqtt-configuration";
import { hexBytes } from "../text/hex.js";
import type { FieldSettings } from "./configuration.js";
import { type FieldShape, fieldShape, TYPE_PATTERN } from "./field-shape.js";
import { ENDIANS, type Endian, type FieldType, isNumeric, plainField } from "./field-types.js";
import { NOT_YET } from "./not-yet.js";
import { isFieldName } from "./template.js";

export const MAXIMUM_FIELDS = 256;
const MAXIMUM_OFFSET = 65_535;
const MAXIMUM_CONSTANT = 256;

/** A field as it is written: without a type, the format chooses one. */
export interface WrittenField extends Omit<FieldSettings, "type">, Omit<FieldShape, "type"> {
  readonly type: FieldType | undefined;
  /** Undefined: after the field before. */
  readonly at: number | undefined;
  /** Undefined: that of the format. */
  readonly endian: Endian | undefined;
}

/** Bytes that are always the same. */
interface WrittenConstant {
  readonly constant: Uint8Array;
  readonly at: number | undefined;
}

export type WrittenPart = WrittenField | WrittenConstant;

/** A field of which only name and type are written. */
export function plainWritten(
  name: string,
  shape: Omit<FieldShape, "type"> & { readonly type: FieldType | undefined },
): WrittenField {
  return { ...plainField(name, shape.type), size: shape.size, bits: shape.bits, at: undefined, endian: undefined };
}

export const NO_SHAPE = { type: undefined, size: undefined, bits: undefined };

export function fieldName(): Kind<string> {
  return syntax({
    label: "field name",
    rule: "must be a name of 1 to 64 characters without spaces and { } [ ] | :",
    pattern: "^[^\\s{}\\[\\]|:\\p{Cc}]{1,64}$",
    read: (value) => (isFieldName(value) ? value : undefined),
  });
}

/** "temp:f32", "name:text(8)" or "node" */
export const shortField = syntax<WrittenField>({
  label: '"NAME:TYPE"',
  rule: 'must be a field, such as "temp:f32" or "node"',
  pattern: `^[^\\s{}\\[\\]|:\\p{Cc}]{1,64}(:${TYPE_PATTERN})?$`,
  read(value, place) {
    const colon = value.indexOf(":");
    const name = colon < 0 ? value : value.slice(0, colon);
    if (!isFieldName(name)) return undefined;
    const shape = colon < 0 ? NO_SHAPE : fieldShape.read(value.slice(colon + 1), place);
    return shape && plainWritten(name, shape);
  },
});

const offset = (counted: string) =>
  optional(integer(0, MAXIMUM_OFFSET), `Where it stands, ${counted}. Default: after what stands before it.`);

const IN_BYTES = "in bytes from the beginning of the frame";

export const fullField: Kind<WrittenField> = table({
  title: "fields",
  about: 'One value of a record. The short form `"temp:f32"` stands for `{ name = "temp", type = "f32" }`.',
  fields: {
    name: required(fieldName(), "The field's name, for placeholders and in JSON payloads."),
    type: optional(
      fieldShape,
      "The type. In text formats, a number is decimal and within the type's range. Default: `json` (as it is) if the format is `json` or `sexpr`, otherwise `text`. For `binary` and `modbus` only: `bcd(BYTES)`, `bits(FIRST,COUNT)` with 0 for the least significant bit, `hex(BYTES)`, `bytes(BYTES)` as a list of numbers, and `text(BYTES)` followed by zeros; without a size, `text`, `hex` and `bytes` have all bytes that are left. For `nmea` only: `nmea_lat` and `nmea_lon`, in degrees.",
    ),
    at: offset(`for \`binary\` ${IN_BYTES}, for \`modbus\` in registers or coils from \`address\``),
    endian: optional(choice(...ENDIANS), "The order of its bytes, if it is not that of the format."),
    unit: optional(text(1, 64), "The unit, such as `°C`."),
    scale: preset(number(), 1, "A number is multiplied by it. Encoding divides by it, and rounds to the type."),
    offset: preset(number(), 0, "It is added to a number after the multiplication."),
    values: optional(
      dictionary(scalar(), MAXIMUM_FIELDS),
      'What becomes of a value, by the text of the value: `{ 0 = "off", 1 = "on" }`.',
    ),
    min: optional(number(), "A frame with a smaller number is dropped as `decode`."),
    max: optional(number(), "A frame with a larger number is dropped as `decode`."),
    class: optional(text(1, 64), "The device class of Home Assistant, such as `temperature`."),
  },
  refused: { command: NOT_YET },
  check({ values: { type: shape, scale, offset: added, min, max, values }, place }) {
    if (scale === 0) place.at("scale").problem("must not be 0; every number would become the same");
    if (min !== undefined && max !== undefined && min > max) place.at("min").problem("must not be greater than max");
    const type = shape?.type;
    if (type === "bytes" && values !== undefined)
      place.at("values").problem('is not possible for the type "bytes"; use "hex"');
    if (type === undefined || isNumeric(type)) return;
    const numeric = { scale: scale !== 1, offset: added !== 0, min: min !== undefined, max: max !== undefined };
    for (const [name, isWritten] of Object.entries(numeric)) {
      if (isWritten) place.at(name).problem(`requires a numeric type, not "${type}"`);
    }
  },
  build: ({ type, values, ...field }) => ({ ...(type ?? NO_SHAPE), ...field, values: values ?? {} }),
});

const constantBytes = syntax<Uint8Array>({
  label: "hexadecimal bytes",
  rule: `must be 1 to ${MAXIMUM_CONSTANT} bytes as hexadecimal digits, such as "A5 5A"`,
  pattern: "^([0-9A-Fa-f]{2} ?)+$",
  read(value) {
    const bytes = value.length > 3 * MAXIMUM_CONSTANT ? undefined : hexBytes(value.replaceAll(" ", ""));
    return bytes !== undefined && bytes.length > 0 && bytes.length <= MAXIMUM_CONSTANT ? bytes : undefined;
  },
});

const constant: Kind<WrittenConstant> = table({
  title: "fields, const",
  about:
    'Bytes of a `binary` frame that are always the same: `{ const = "A5" }`. A frame with other bytes is dropped as `decode`.',
  fields: { const: required(constantBytes, "The bytes."), at: offset(IN_BYTES) },
  build: ({ const: bytes, at }) => ({ constant: bytes, at }),
});

/** A table with the key `const` is a constant. */
const fieldOrConstant: Kind<WrittenPart> = {
  label: "table",
  schema: { anyOf: [fullField.schema, constant.schema] },
  sections: [...(fullField.sections ?? []), ...(constant.sections ?? [])],
  read: (value, place) => (isTable(value) && Object.hasOwn(value, "const") ? constant : fullField).read(value, place),
};

const manyFields = list(shortOr(shortField, fieldOrConstant), 1, MAXIMUM_FIELDS);

/** The list of fields. */
export const fields: Kind<readonly WrittenPart[]> = {
  ...manyFields,
  read(value, place) {
    const read = manyFields.read(value, place);
    const known = new Set<string>();
    let isRight = true;
    for (const [i, part] of (read ?? []).entries()) {
      if ("constant" in part) continue;
      if (known.has(part.name)) {
        place.at(i).problem(`the name "${part.name}" is used twice; field names must be unique`);
        isRight = false;
      }
      known.add(part.name);
    }
    return isRight ? read : undefined;
  },
};

/** The settings that every format has of a field. */
export function settingsOf(
  { size: _, bits: _bits, at: _at, endian: _endian, ...settings }: WrittenField,
  type: FieldType,
): FieldSettings {
  return { ...settings, type };
}
