/**
 * The part of Standard Schema (standardschema.dev) that checks a payload. Schemas of Zod, Valibot, ArkType and others
 * implement it.
 */

import { PayloadError, type PayloadIssue } from "../../errors.js";
import { assertFunction, wrongOption } from "../../options/option-error.js";
import { quotable } from "../../topic/mqtt-string.js";

/** The result of `validate`: the value, which the schema may have transformed, or the issues that it found. */
export type SchemaResult<Value> =
  | { readonly value: Value; readonly issues?: undefined }
  | { readonly issues: readonly PayloadIssue[] };

/** A schema for values of the type `Value`, as Standard Schema (standardschema.dev) defines it. */
export interface StandardSchema<Value> {
  readonly "~standard": {
    /** Checks a value. Returns it, or what is wrong with it. */
    validate(value: unknown): SchemaResult<Value> | Promise<SchemaResult<Value>>;
  };
}

/** How many issues a message lists. */
const SHOWN = 3;

/**
 * @param schema a Standard Schema or a function; JavaScript callers may pass anything else
 * @param what the payload, as the error names it
 */
export function validated(value: unknown, schema: unknown, topic: string, what: string): unknown {
  const standard = (schema as Partial<StandardSchema<unknown>> | null)?.["~standard"];
  if (standard === undefined) {
    assertFunction("schema", schema);
    return (schema as (value: unknown) => unknown)(value);
  }
  const result = standard.validate(value);
  if (result instanceof Promise) {
    result.catch(() => undefined);
    throw wrongOption(
      "schema",
      'must be synchronous; instead, write await schema["~standard"].validate(message.json())',
    );
  }
  const { issues } = result;
  if (issues === undefined) return result.value;
  const words = issues.slice(0, SHOWN).map(describe).join("; ");
  const others = issues.length > SHOWN ? `; and ${issues.length - SHOWN} more` : "";
  throw new PayloadError("PAYLOAD_REFUSED", `${what}: ${words}${others}`, { topic }, issues);
}

function describe({ message, path = [] }: PayloadIssue): string {
  const place = path.map((key) => String(typeof key === "object" ? key.key : key)).join(".");
  return quotable(place && `${place}: `) + quotable(message);
}
