/** The format "json": the members of the outermost object, or what JSON pointers (RFC 6901) point at. */

import { wrongOption } from "@aiko/mqtt/options";
import type { FieldSettings } from "../configuration/configuration.js";
import { plainField } from "../configuration/field-types.js";
import { Failure } from "../failure.js";
import type { Fields, FieldValue } from "../pipeline/outcome.js";
import { shown } from "../text/shown.js";
import { Field } from "./field.js";
import { oneWayOf, type TextFormat } from "./format.js";
import { type JsonShape, jsonShape } from "./json-shape.js";
import { parseJson, parseJsonObject } from "./json-text.js";

/**
 * A field that is missing in a document is missing in the record, and the other way round. Encoding without pointers writes all fields that it is
 * given; with pointers, it builds the object back, and arrays where all steps are indexes.
 */
export function jsonFormat(pick: Readonly<Record<string, string>>, settings: readonly FieldSettings[]): TextFormat {
  const fields = settings.map((each) => new Field(each));
  const pointers = Object.entries(pick).map(([name, pointer]) => ({ name, path: pathOf(name, pointer) }));
  const shape = pointers.length === 0 ? undefined : jsonShape(pointers);
  const known = new Map(fields.map((field) => [field.name, field]));
  const leaf = (name: string, value: FieldValue) =>
    (known.get(name) ?? new Field(plainField(name, "json"))).toJson(value);
  return {
    reads: "text",
    oneWay: typeof shape === "string" ? `decode.pick: ${shape}` : oneWayOf(fields),
    decode(text) {
      const found = pointers.length === 0 ? parseJsonObject(text) : picked(parseJson(text), pointers);
      if (found instanceof Failure) return found;
      for (const field of fields) {
        const raw = found.get(field.name);
        if (raw === undefined) continue;
        const value = field.fromJson(raw);
        if (value instanceof Failure) return value;
        found.set(field.name, value);
      }
      return found;
    },
    encode(values) {
      const text = typeof shape === "object" ? shapedText(shape, values, leaf) : objectText(values, leaf);
      return text instanceof Failure ? text : checkedDepth(text);
    },
  };
}

/** The text of one value, by the field's name. */
type Leaf = (name: string, value: FieldValue) => string | Failure;

function objectText(values: Fields, leaf: Leaf): string | Failure {
  const members: string[] = [];
  for (const [name, value] of values) {
    const text = leaf(name, value);
    if (text instanceof Failure) return text;
    members.push(`${JSON.stringify(name)}:${text}`);
  }
  return `{${members.join(",")}}`;
}

/** The recursion is bounded by the length of a pointer. */
function shapedText(shape: JsonShape, values: Fields, leaf: Leaf): string | Failure {
  const text = shapedOrNothing(shape, values, leaf);
  return (
    text ??
    (shape.kind === "field"
      ? new Field(plainField(shape.name, "json")).missing()
      : shape.kind === "array"
        ? "[]"
        : "{}")
  );
}

/** Undefined: none of the fields has a value. */
function shapedOrNothing(shape: JsonShape, values: Fields, leaf: Leaf): string | Failure | undefined {
  if (shape.kind === "field") {
    const value = values.get(shape.name);
    return value === undefined ? undefined : leaf(shape.name, value);
  }
  const parts: string[] = [];
  let lacking: JsonShape | undefined;
  for (const [step, child] of shape.children) {
    const text = shapedOrNothing(child, values, leaf);
    if (text instanceof Failure) return text;
    if (text === undefined) {
      lacking ??= child;
      continue;
    }
    // In an array, an element that is missing would move all that follow it.
    if (shape.kind === "array" && lacking !== undefined)
      return new Failure("encode", `${namesOf(lacking)} is missing, which stands before others in an array`);
    parts.push(shape.kind === "array" ? text : `${JSON.stringify(step)}:${text}`);
  }
  if (parts.length === 0) return undefined;
  return shape.kind === "array" ? `[${parts.join(",")}]` : `{${parts.join(",")}}`;
}

function namesOf(shape: JsonShape): string {
  if (shape.kind === "field") return `field ${shown(shape.name)}`;
  const [first] = shape.children.values();
  return first === undefined ? "a field" : namesOf(first);
}

/** What the gateway would not read, it does not write. */
function checkedDepth(text: string): string | Failure {
  const read = parseJson(text);
  return read instanceof Failure ? new Failure("encode", `what was encoded cannot be read: ${read.detail}`) : text;
}

function picked(
  document: FieldValue | Failure,
  pointers: readonly { readonly name: string; readonly path: readonly string[] }[],
): Map<string, FieldValue> | Failure {
  if (document instanceof Failure) return document;
  const found = new Map<string, FieldValue>();
  for (const { name, path } of pointers) {
    const value = at(document, path);
    if (value !== undefined) found.set(name, value);
  }
  return found;
}

function at(document: FieldValue, path: readonly string[]): FieldValue | undefined {
  let value: FieldValue | undefined = document;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    if (Array.isArray(value) && step === "length") return undefined;
    value = (value as Readonly<Record<string, FieldValue>>)[step];
  }
  return value;
}

function pathOf(name: string, pointer: string): string[] {
  if (pointer === "") return [];
  if (!pointer.startsWith("/")) {
    throw wrongOption(`decode.pick.${name}`, `"${pointer}" must be a JSON pointer, such as "/sensors/0/t"`);
  }
  const steps = pointer.slice(1).split("/");
  return steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}
