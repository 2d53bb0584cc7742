/** The tables of `decode`: how a frame becomes values. */

import { nearest } from "@aiko/mqtt/options";
import { parsePlaceholders } from "../text/placeholders.js";
import type { DecodeSettings, FieldSettings, FieldType } from "./configuration.js";
import { FIELD_TYPES, plainField } from "./field-types.js";
import { choice, dictionary, type Kind, syntax, text } from "./kind.js";
import type { Place } from "./place.js";
import { optional, preset, required, table, variants } from "./table.js";
import { isFieldName, template } from "./template.js";
import { fields, MAXIMUM_FIELDS, shortField, type WrittenField } from "./value-fields.js";

/** `decode` as it is written. The fields may be in it, or in `fields` of the source. */
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
  about: "The frame as it is, as one field. Its name is `value`, if `fields` does not name another.",
  fields: { format: formatField("raw"), fields: fieldsOfFormat },
  build: (values) => values,
});

const pointer = syntax({
  label: "JSON pointer",
  rule: 'must be a JSON pointer, such as "/sensors/0/t"; "~0" stands for "~" and "~1" for "/"',
  pattern: "^(/([^~/]|~[01])*)*$",
  read: (value) => (/^(\/|$)/.test(value) && value.length <= 1024 && !/~(?![01])/.test(value) ? value : undefined),
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
  const { rest } = parsePlaceholders(written);
  for (const [i, { name: placeholder }] of rest.entries()) {
    const field = place === undefined ? shortFieldOf(placeholder) : shortField.read(placeholder, place);
    if (rest[i - 1]?.literal === "") {
      place?.broken(written, `must have literal text before {${placeholder}}, which shows where it begins`);
    }
    if (field !== undefined && found.has(field.name)) {
      place?.broken(written, `must not have the field "${field.name}" twice`);
    }
    if (field !== undefined) found.set(field.name, field.type);
  }
  if (rest.length > MAXIMUM_FIELDS) place?.broken(written, `must have at most ${MAXIMUM_FIELDS} fields`);
  if (rest.length === 0) place?.broken(written, 'must have a field, such as "{temp:f32}"');
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
  if (format.format === "raw" && given.length > 1) {
    return fieldsPlace.problem("must have one element if the format is raw: the frame is one field");
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
    case "json":
      return Object.keys(format.pick).length === 0 ? undefined : new Map(Object.entries(format.pick));
    case "text":
      return fieldsOfTemplate(format.template);
    case "csv":
    case "raw":
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

function shortFieldOf(placeholder: string): WrittenField | undefined {
  const [name = "", type] = placeholder.split(":", 2);
  return plainField(
    name,
    FIELD_TYPES.find((each) => each === type),
  );
}
