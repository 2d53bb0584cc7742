/** The tables of `decode`, `fields`, `when` and `payload`: how a frame becomes values, and values become a payload. */

import { nearest } from "@aiko/mqtt/options";
import type { Condition, DecodeSettings, FieldSettings, FieldType, PayloadSettings } from "./configuration.js";
import { choice, dictionary, type Kind, list, number, scalar, shortOr, syntax, text } from "./kind.js";
import type { Place } from "./place.js";
import { NOT_YET, optional, preset, required, table, variants } from "./table.js";
import { isFieldName, template, templateParts } from "./template.js";

const TYPES = [
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
] as const;
const NOT_NUMBERS: readonly FieldType[] = ["text", "bool", "json"];
const LATER_TYPES = ["bcd", "bits", "hex", "bytes"];
const MAXIMUM_FIELDS = 256;

/** A field as it is written: without a type, the format chooses one. */
export type WrittenField = Omit<FieldSettings, "type"> & { readonly type: FieldType | undefined };

function fieldName(): Kind<string> {
  return syntax({
    label: "field name",
    rule: "must be a name of 1 to 64 characters without spaces and { } [ ] | :",
    pattern: "^[^\\s{}\\[\\]|:\\p{Cc}]{1,64}$",
    read: (value) => (isFieldName(value) ? value : undefined),
  });
}

const types = choice(...TYPES);

const fieldType: Kind<FieldType> = {
  ...types,
  read: (value, place) =>
    typeof value === "string" && LATER_TYPES.includes(value)
      ? place.problem(`"${value}" ${NOT_YET}`)
      : types.read(value, place),
};

/** "temp:f32" or "node" */
const shortField = syntax<WrittenField>({
  label: '"NAME:TYPE"',
  rule: 'must be a field, such as "temp:f32" or "node"',
  pattern: `^[^\\s{}\\[\\]|:\\p{Cc}]{1,64}(:(${TYPES.join("|")}))?$`,
  read(value, place) {
    const colon = value.indexOf(":");
    const name = colon < 0 ? value : value.slice(0, colon);
    if (!isFieldName(name)) return undefined;
    const type = colon < 0 ? undefined : fieldType.read(value.slice(colon + 1), place);
    return type === undefined && colon >= 0 ? undefined : plainField(name, type);
  },
});

function plainField(name: string, type: FieldType | undefined): WrittenField {
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

/** `decode` as it is written: its fields may stand beside it too. */
export type WrittenDecode = WrittenFormat & { readonly fields: readonly WrittenField[] | undefined };

type WrittenFormat =
  | { readonly format: "raw" }
  | { readonly format: "json"; readonly pick: Readonly<Record<string, string>> }
  | { readonly format: "csv"; readonly separator: string; readonly quote: string }
  | { readonly format: "text"; readonly template: string };

const formatField = <const Name extends string>(name: Name) => required(choice(name), "The format.");
const fieldsOfFormat = optional(fields, "The fields. They may be written in `fields` of the source instead.");

const raw = table({
  title: 'decode, format = "raw"',
  about: "The frame as it is, as the field `value`.",
  fields: { format: formatField("raw"), fields: fieldsOfFormat },
  build: (values) => values,
});

const pointer = syntax({
  label: "JSON pointer",
  rule: 'must be a JSON pointer, such as "/sensors/0/t"; "~0" stands for "~" and "~1" for "/"',
  pattern: "^(/([^~/]|~[01])*)+$",
  read: (value) => (value.startsWith("/") && value.length <= 1024 && !/~(?![01])/.test(value) ? value : undefined),
});

const json = table({
  title: 'decode, format = "json"',
  about: "JSON, at most 32 levels deep.",
  fields: {
    format: formatField("json"),
    pick: optional(
      dictionary(pointer, MAXIMUM_FIELDS),
      'JSON pointers by field name: `{ temp = "/sensors/0/t" }`. Default: the members of the outermost object are the fields.',
    ),
    fields: fieldsOfFormat,
  },
  check({ values: { pick = {} }, place }) {
    for (const name of Object.keys(pick)) {
      if (!isFieldName(name))
        place
          .at("pick")
          .at(name)
          .problem("the key must be a field name: 1 to 64 characters without spaces and { } [ ] | :");
    }
  },
  build: ({ pick, ...values }) => ({ ...values, pick: pick ?? {} }),
});

const csv = table({
  title: 'decode, format = "csv"',
  about: "Values in the order of `fields`, which are required.",
  fields: {
    format: formatField("csv"),
    separator: preset(text(1, 1), ",", "The character between two values."),
    quote: preset(
      text(0, 1),
      '"',
      "The character around a value that contains the separator; twice for itself. Empty: none.",
    ),
    fields: fieldsOfFormat,
  },
  check({ values: { separator, quote }, place }) {
    for (const [name, value] of Object.entries({ separator, quote })) {
      if (value === "\n" || value === "\r") place.at(name).problem("must not be an end of line");
    }
    if (separator === quote) place.at("quote").problem("must differ from separator");
  },
  build: (values) => values,
});

const textFormat = table({
  title: 'decode, format = "text"',
  about: "Text with values between literal parts.",
  fields: {
    format: formatField("text"),
    template: required(
      template("template"),
      "The text, with `{name}` or `{name:type}` for what is a field: `T={temp:f32} H={hum:u8}%`.",
    ),
    fields: optional(fields, "More about fields of the template, such as the unit."),
  },
  check({ values: { template: written }, place }) {
    if (written !== undefined) fieldsOfTemplate(written, place.at("template"));
  },
  build: (values) => values,
});

/** The fields of a text template. Reports to `place` what is wrong with them. */
function fieldsOfTemplate(written: string, place?: Place): ReadonlyMap<string, FieldType | undefined> {
  const found = new Map<string, FieldType | undefined>();
  const parts = templateParts(written);
  let wasField = false;
  for (const part of typeof parts === "string" ? [] : parts) {
    if ("placeholder" in part) {
      const field = place === undefined ? shortFieldOf(part.placeholder) : shortField.read(part.placeholder, place);
      if (wasField)
        place?.wrong(`must have literal text before {${part.placeholder}}, or its beginning is unknown`, written);
      if (field !== undefined && found.has(field.name))
        place?.wrong(`must not have the field "${field.name}" twice`, written);
      if (field !== undefined) found.set(field.name, field.type);
    }
    wasField = "placeholder" in part;
  }
  if (!written.includes("{")) place?.wrong('must have a field, such as "{temp:f32}"', written);
  return found;
}

const formats = variants<WrittenDecode>("format", { json, csv, text: textFormat, raw }, [
  "sexpr",
  "nmea",
  "binary",
  "modbus",
  "hex",
  "base64",
]);

/** "json", or a table. */
export const decode: Kind<WrittenDecode> = {
  ...formats,
  label: '"json" \\| "csv" \\| "raw" or table',
  schema: { anyOf: [{ enum: ["json", "csv", "raw"] }, formats.schema] },
  read: (value, place) => {
    if (value === "text")
      return place.problem('the format "text" needs a template; write { format = "text", template = "T={temp:f32}" }');
    return typeof value === "string" ? formats.read({ format: value }, place) : formats.read(value, place);
  },
};

/** The settings of a decoder, with the fields that are written beside it. Reports what does not fit. */
export function completeDecode(
  written: WrittenDecode,
  beside: readonly WrittenField[] | undefined,
  place: Place,
): DecodeSettings | undefined {
  const { fields: inside, ...format } = written;
  const fieldsPlace = inside === undefined ? place.at("fields") : place.at("decode").at("fields");
  if (inside !== undefined && beside !== undefined) {
    return place.at("fields").problem("is written in decode too; remove one of them");
  }
  const given = inside ?? beside ?? [];
  if (format.format === "csv" && given.length === 0) {
    return fieldsPlace.problem('is required if the format is csv; write fields = ["temp:f32", "node"]');
  }
  const allowed = allowedFields(format);
  for (const [i, { name }] of given.entries()) {
    if (allowed?.has(name) === false) {
      const near = nearest(name, allowed.keys());
      const help = near === undefined ? `it has ${[...allowed.keys()].join(", ")}` : `did you mean "${near}"?`;
      return fieldsPlace.at(i).problem(`the format has no field "${name}"; ${help}`);
    }
  }
  if (format.format === "text") return completeText(format, given, fieldsPlace);
  const otherwise = format.format === "json" ? "json" : "text";
  return { ...format, fields: given.map((field) => ({ ...field, type: field.type ?? otherwise })) };
}

/** Undefined: any. */
function allowedFields(format: WrittenFormat): ReadonlyMap<string, unknown> | undefined {
  switch (format.format) {
    case "raw":
      return new Map([["value", undefined]]);
    case "json":
      return Object.keys(format.pick).length === 0 ? undefined : new Map(Object.entries(format.pick));
    case "text":
      return fieldsOfTemplate(format.template);
    case "csv":
      return undefined;
  }
}

function completeText(
  format: WrittenFormat & { format: "text" },
  given: readonly WrittenField[],
  place: Place,
): DecodeSettings | undefined {
  const complete: FieldSettings[] = [];
  for (const [name, type] of fieldsOfTemplate(format.template)) {
    const field = given.find((each) => each.name === name) ?? plainField(name, type);
    if (type !== undefined && field.type !== undefined && field.type !== type) {
      return place.problem(`the type of "${name}" is ${field.type} here and ${type} in the template; write it once`);
    }
    complete.push({ ...field, type: type ?? field.type ?? "text" });
  }
  return { ...format, fields: complete };
}

const condition: Kind<Condition> = table({
  title: "when",
  about: "A condition. If one does not hold, the record is dropped as `filtered`.",
  fields: {
    field: required(fieldName(), "The field."),
    op: required(
      choice("=", "!=", "<", ">", "in", "exists", "changed", "delta"),
      "The comparison. `changed` and `delta` (differs by at least `value`) compare with the last record of the same topic.",
    ),
    value: optional(
      shortOrList(),
      "What the field is compared with: a number for `<`, `>` and `delta`, a list for `in`, nothing for `exists` and `changed`.",
    ),
  },
  check({ values: { op, value }, wrong, place }) {
    const rule = op === undefined || wrong.has("value") ? undefined : valueRule(op, value);
    if (rule !== undefined) place.at("value").problem(`${rule} if op is "${op}"`);
  },
  build: (values) => values,
});

function shortOrList(): Kind<NonNullable<Condition["value"]>> {
  const [one, several] = [scalar(), list(stringOrNumber(), 1, MAXIMUM_FIELDS)];
  return {
    label: `${one.label}, or list`,
    schema: { anyOf: [one.schema, several.schema] },
    read: (value, place) => (Array.isArray(value) ? several : one).read(value, place),
  };
}

function stringOrNumber(): Kind<string | number> {
  const kind = scalar();
  return {
    label: "string or number",
    schema: { type: ["string", "number"] },
    read(value, place) {
      const read = kind.read(value, place);
      return typeof read === "boolean" ? place.wrong("must be a string or a number", value) : read;
    },
  };
}

/** The rule that a condition's value breaks. */
function valueRule(op: Condition["op"], value: Condition["value"]): string | undefined {
  switch (op) {
    case "<":
    case ">":
      return typeof value === "number" ? undefined : "must be a number";
    case "delta":
      return typeof value === "number" && value > 0 ? undefined : "must be a number above 0";
    case "in":
      return Array.isArray(value) ? undefined : "must be a list";
    case "exists":
    case "changed":
      return value === undefined ? undefined : "must not be written";
    case "=":
    case "!=":
      return value === undefined || Array.isArray(value) ? "must be a string, a number or a boolean" : undefined;
  }
}

/** The conditions. */
export const when: Kind<readonly Condition[]> = list(condition, 1, 64);

const PAYLOADS = ["json", "raw", "fields"] as const;

const fullPayload: Kind<PayloadSettings> = table({
  title: "payload",
  about: "A payload that is made from a template.",
  fields: { template: required(template(), "The text, with placeholders: `{temp};{hum}`.") },
  build: ({ template: written }) => ({ kind: "template", template: written }),
});

const shortPayload = syntax<PayloadSettings>({
  label: '"json" \\| "raw" \\| "fields" \\| template',
  rule: 'must be "json", "raw", "fields", or a template with a placeholder, such as "{temp}"',
  pattern: "^(json|raw|fields|.*\\{.*)$",
  read(value, place) {
    const kind = PAYLOADS.find((each) => each === value);
    if (kind !== undefined) return { kind };
    const near = nearest(value.slice(0, 100), PAYLOADS);
    if (!value.includes("{"))
      return near === undefined
        ? undefined
        : place.wrong(`did you mean "${near}"? It must be "json", "raw", "fields", or a template`, value);
    return fullPayload.read({ template: value }, place);
  },
});

export const payload: Kind<PayloadSettings> = shortOr(shortPayload, fullPayload);

function shortFieldOf(placeholder: string): WrittenField | undefined {
  const [name = "", type] = placeholder.split(":", 2);
  return plainField(
    name,
    TYPES.find((each) => each === type),
  );
}
