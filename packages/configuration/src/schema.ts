/**
 * The JSON Schema of a configuration. It does not check what depends on two fields, or on numbers within a text: the ranges of durations, sizes and
 * ports, and whether a secret exists.
 */

import type { Kind, Schema } from "./kind.js";

/** Returns the JSON Schema (draft 2020-12) of a configuration. It is weaker than `readDocument`, which also compares fields. */
export function schemaDocument(title: string, { schema }: Kind<unknown>): Schema {
  return { $schema: "https://json-schema.org/draft/2020-12/schema", title, ...schema };
}
