/** The format "json": the members of the outermost object, or what JSON pointers (RFC 6901) point at. */

import { wrongOption } from "@aiko/mqtt/options";
import type { FieldSettings } from "../configuration/configuration.js";
import { Failure } from "../failure.js";
import type { FieldValue } from "../pipeline/outcome.js";
import type { Decoder } from "./decoder.js";
import { Field } from "./field.js";
import { parseJson, parseJsonObject } from "./json-text.js";

/** A field that is missing in a document is missing in the record. */
export function jsonDecoder(pick: Readonly<Record<string, string>>, settings: readonly FieldSettings[]): Decoder {
  const fields = settings.map((each) => new Field(each));
  const pointers = Object.entries(pick).map(([name, pointer]) => ({ name, path: pathOf(name, pointer) }));
  return (text) => {
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
  };
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
