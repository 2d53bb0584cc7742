/** The tables of `when` and `payload`: which records are published, and with what payload. */

import { nearest } from "@aiko/mqtt/options";
import { choice, type Kind, list, optional, required, scalar, shortOr, syntax, table } from "@aiko/mqtt-configuration";
import { placeholderNames } from "../text/placeholders.js";
import type { Condition, PayloadSettings } from "./configuration.js";
import { template } from "./template.js";
import { fieldName, MAXIMUM_FIELDS } from "./value-fields.js";

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
      "What the field is compared with: a number for `<`, `>` and `delta`, a list for `in`, nothing for `changed`, and nothing or a boolean for `exists`.",
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
      return value === undefined || typeof value === "boolean" ? undefined : "must be a boolean, or not be written";
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
    if (placeholderNames(value).length === 0)
      return near === undefined
        ? undefined
        : place.wrong(`must be "json", "raw", "fields" or a template (did you mean "${near}"?)`, value);
    return fullPayload.read({ template: value }, place);
  },
});

export const payload: Kind<PayloadSettings> = shortOr(shortPayload, fullPayload);
