/** The tables of the formats of text: `decode` with "json", "csv", "text", "raw" and "sexpr". */

import {
  choice,
  dictionary,
  type Kind,
  optional,
  type Place,
  preset,
  required,
  syntax,
  table,
  text,
} from "@aiko/mqtt-configuration";
import { fieldsOfEnvelope, parseEnvelope } from "../codec/sexpr-envelope.js";
import { parsePlaceholders } from "../text/placeholders.js";
import type { FieldType } from "./configuration.js";
import { FIELD_TYPES } from "./field-types.js";
import { isFieldName, template } from "./template.js";
import { fields, MAXIMUM_FIELDS, shortField, type WrittenPart } from "./value-fields.js";

/** The fields of a format as they are written. They may be in `fields` of the source instead. */
export interface WithFields {
  readonly fields: readonly WrittenPart[] | undefined;
}

export type WrittenText = WithFields &
  (
    | { readonly format: "raw" }
    | { readonly format: "json"; readonly pick: Readonly<Record<string, string>> }
    | { readonly format: "csv"; readonly separator: string; readonly quote: string }
    | { readonly format: "text"; readonly template: string }
    | { readonly format: "sexpr"; readonly envelope: string | undefined }
  );

export const formatField = <const Name extends string>(name: Name) => required(choice(name), "The format.");
export const fieldsOfFormat = optional(fields, "The fields. They may be written in `fields` of the source instead.");

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

/** The fields of a text template, with their types. Reports to `place` what is wrong with them. */
export function fieldsOfTemplate(written: string, place?: Place): ReadonlyMap<string, FieldType | undefined> {
  const found = new Map<string, FieldType | undefined>();
  const { rest } = parsePlaceholders(written);
  for (const [i, { name: placeholder }] of rest.entries()) {
    const field = place === undefined ? nameAndType(placeholder) : shortField.read(placeholder, place);
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

function nameAndType(placeholder: string): { readonly name: string; readonly type: FieldType | undefined } {
  const [name = "", type] = placeholder.split(":", 2);
  return { name, type: FIELD_TYPES.find((each) => each === type) };
}

const envelope = syntax({
  label: "envelope",
  rule: 'must be words and fields in parentheses, such as "(node {node} {time} …)"',
  pattern: "^\\s*\\(.*\\)\\s*$",
  read(value, place) {
    const parsed = value.length > 1024 ? undefined : parseEnvelope(value);
    if (parsed === undefined) return undefined;
    const names = fieldsOfEnvelope(parsed);
    const wrong = names.find((name) => !isFieldName(name));
    if (wrong !== undefined) return place.broken(value, `has {${wrong}}, which is not the name of a field`);
    const twice = names.find((name, i) => names.indexOf(name) < i);
    return twice === undefined ? value : place.broken(value, `must not have {${twice}} twice`);
  },
});

const sexpr = table({
  title: 'decode, format = "sexpr"',
  about:
    "S-expressions, at most 32 levels deep: a list for each field, with its name, its value and perhaps a unit, as `(temperature 21.5 C)(relay on)`. `?` is no value. Lists in lists become JSON arrays.",
  fields: {
    format: formatField("sexpr"),
    envelope: optional(
      envelope,
      "What stands around the lists: `(node {node} {time} …)`. `…` (or `...`) stands for the lists. Default: nothing.",
    ),
    fields: optional(fields, "More about fields, such as the type. Other fields are as the device sends them."),
  },
  build: (values) => values,
});

/** The formats of text, by name. */
export const textFormats: Readonly<Record<"json" | "csv" | "text" | "raw" | "sexpr", Kind<WrittenText>>> = {
  json,
  csv,
  text: textFormat,
  raw,
  sexpr,
};
