/**
 * The format "text": literal text with `{name}` or `{name:type}` for what is a field. A field ends where the literal after it first occurs, so
 * nothing is tried twice. A value that contains that literal cannot be encoded.
 */

import { wrongOption } from "@aiko/mqtt/options";
import type { FieldSettings } from "../configuration/configuration.js";
import { FIELD_TYPES, type FieldType, plainField } from "../configuration/field-types.js";
import { Failure } from "../failure.js";
import type { FieldValue } from "../pipeline/outcome.js";
import { parsePlaceholders } from "../text/placeholders.js";
import { shown } from "../text/shown.js";
import { hasControl } from "./control.js";
import { Field } from "./field.js";
import { oneWayOf, type TextFormat } from "./format.js";

/** A field, and the literal text after it. */
interface Step {
  readonly field: Field;
  readonly literal: string;
}

/** @param settings what else is known of the template's fields, by name */
export function textFormat(template: string, settings: readonly FieldSettings[]): TextFormat {
  const { first, rest } = parsePlaceholders(template);
  const steps = rest.map(({ name, literal }) => ({ field: fieldOf(template, name, settings), literal }));
  if (steps.slice(0, -1).some(({ literal }) => literal === "")) {
    throw wrongOption("decode.template", `${shown(template)}: there must be text between two fields`);
  }
  return {
    reads: "text",
    oneWay: oneWayOf(steps.map(({ field }) => field)),
    decode: (text) => decoded(text, first, steps),
    encode(fields) {
      let text = first;
      for (const [index, { field, literal }] of steps.entries()) {
        const value = field.toText(fields.get(field.name));
        if (value instanceof Failure) return value;
        if (hasControl(value)) return field.cannot(value, "must not contain control characters");
        if (index < steps.length - 1 && (value + literal).indexOf(literal) < value.length) {
          return field.cannot(value, `must not contain ${shown(literal)}, which ends it`);
        }
        text += value + literal;
      }
      return text;
    },
  };
}

function decoded(text: string, first: string, steps: readonly Step[]): Map<string, FieldValue> | Failure {
  if (!text.startsWith(first)) return mismatch(text, 0, first);
  const found = new Map<string, FieldValue>();
  let at = first.length;
  for (const [index, { field, literal }] of steps.entries()) {
    const isLast = index === steps.length - 1;
    const end = isLast ? text.length - literal.length : text.indexOf(literal, at);
    if (end < at || (isLast && !text.endsWith(literal))) return mismatch(text, at, literal);
    const value = field.fromText(text.slice(at, end));
    if (value instanceof Failure) return value;
    found.set(field.name, value);
    at = end + literal.length;
  }
  return at < text.length ? mismatch(text, at, "the end") : found;
}

function fieldOf(template: string, placeholder: string, settings: readonly FieldSettings[]): Field {
  const colon = placeholder.indexOf(":");
  const name = colon < 0 ? placeholder : placeholder.slice(0, colon);
  const known = settings.find((each) => each.name === name);
  if (colon < 0) return new Field(known ?? plainField(name, "text"));
  const type = placeholder.slice(colon + 1);
  if (!isFieldType(type)) {
    const names = FIELD_TYPES.join(", ");
    throw wrongOption("decode.template", `${shown(template)}: "${type}" is not a type; the types are ${names}`);
  }
  return new Field({ ...(known ?? plainField(name, type)), type });
}

function isFieldType(name: string): name is FieldType {
  return FIELD_TYPES.some((type) => type === name);
}

function mismatch(text: string, at: number, expected: string): Failure {
  const what = expected === "the end" ? expected : shown(expected);
  const rest = at < text.length ? shown(text.slice(at)) : "the end";
  return new Failure("decode", `text, at character ${at + 1}, ${rest}: ${what} is expected`);
}
