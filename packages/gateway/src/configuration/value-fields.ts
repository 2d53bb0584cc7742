/** The table of `fields`: the values of a record. Knows no format. */

import type { FieldSettings } from "./configuration.js";
import { FIELD_TYPES, type FieldType, plainField } from "./field-types.js";
import { choice, dictionary, type Kind, list, number, scalar, shortOr, syntax, text } from "./kind.js";
import { NOT_YET, optional, preset, required, table } from "./table.js";
import { isFieldName } from "./template.js";

const NOT_NUMBERS: readonly FieldType[] = ["text", "bool", "json"];
const LATER_TYPES = ["bcd", "bits", "hex", "bytes"];
export const MAXIMUM_FIELDS = 256;

/** A field as it is written: without a type, the format chooses one. */
export type WrittenField = Omit<FieldSettings, "type"> & { readonly type: FieldType | undefined };

export function fieldName(): Kind<string> {
  return syntax({
    label: "field name",
    rule: "must be a name of 1 to 64 characters without spaces and { } [ ] | :",
    pattern: "^[^\\s{}\\[\\]|:\\p{Cc}]{1,64}$",
    read: (value) => (isFieldName(value) ? value : undefined),
  });
}

const types = choice(...FIELD_TYPES);

const fieldType: Kind<FieldType> = {
  ...types,
  read: (value, place) =>
    typeof value === "string" && LATER_TYPES.includes(value)
      ? place.problem(`"${value}" ${NOT_YET}`)
      : types.read(value, place),
};

/** "temp:f32" or "node" */
export const shortField = syntax<WrittenField>({
  label: '"NAME:TYPE"',
  rule: 'must be a field, such as "temp:f32" or "node"',
  pattern: `^[^\\s{}\\[\\]|:\\p{Cc}]{1,64}(:(${FIELD_TYPES.join("|")}))?$`,
  read(value, place) {
    const colon = value.indexOf(":");
    const name = colon < 0 ? value : value.slice(0, colon);
    if (!isFieldName(name)) return undefined;
    const type = colon < 0 ? undefined : fieldType.read(value.slice(colon + 1), place);
    return type === undefined && colon >= 0 ? undefined : plainField(name, type);
  },
});

const fullField: Kind<WrittenField> = table({
  title: "fields",
  about: 'One value of a record. The short form `"temp:f32"` stands for `{ name = "temp", type = "f32" }`.',
  fields: {
    name: required(fieldName(), "The field's name, for placeholders and in JSON payloads."),
    type: optional(
      fieldType,
      "The type. In text formats, a number is decimal and within the type's range. Default: `json` (as it is) if the format is `json`, otherwise `text`.",
    ),
    unit: optional(text(1, 64), "The unit, such as `°C`."),
    scale: preset(number(), 1, "A number is multiplied by it."),
    offset: preset(number(), 0, "It is added to a number after the multiplication."),
    values: optional(
      dictionary(scalar(), MAXIMUM_FIELDS),
      'What becomes of a value, by the text of the value: `{ 0 = "off", 1 = "on" }`.',
    ),
    min: optional(number(), "A frame with a smaller number is dropped as `decode`."),
    max: optional(number(), "A frame with a larger number is dropped as `decode`."),
    class: optional(text(1, 64), "The device class of Home Assistant, such as `temperature`."),
  },
  refused: { command: NOT_YET, at: NOT_YET },
  check({ values: { type, scale, offset, min, max }, place }) {
    if (scale === 0) place.at("scale").problem("must not be 0; every number would become the same");
    if (min !== undefined && max !== undefined && min > max) place.at("min").problem("must not be greater than max");
    if (type === undefined || !NOT_NUMBERS.includes(type)) return;
    const numeric = { scale: scale !== 1, offset: offset !== 0, min: min !== undefined, max: max !== undefined };
    for (const [name, isWritten] of Object.entries(numeric)) {
      if (isWritten) place.at(name).problem(`requires a numeric type, not "${type}"`);
    }
  },
  build: ({ values, ...field }) => ({ ...field, values: values ?? {} }),
});

const manyFields = list(shortOr(shortField, fullField), 1, MAXIMUM_FIELDS);

/** The list of fields. */
export const fields: Kind<readonly WrittenField[]> = {
  ...manyFields,
  read(value, place) {
    const read = manyFields.read(value, place);
    const known = new Set<string>();
    let isRight = true;
    for (const [i, { name }] of (read ?? []).entries()) {
      if (known.has(name)) {
        place.at(i).problem(`the name "${name}" is used twice; field names must be unique`);
        isRight = false;
      }
      known.add(name);
    }
    return isRight ? read : undefined;
  },
};
