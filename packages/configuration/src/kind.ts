/**
 * Kinds of values: how one is read, described in JSON Schema and named in the documentation. Knows no field, no placeholder and no unit.
 */

import { nearest } from "@aiko/mqtt/options";
import { type Place, typeName } from "./place.js";

/** A JSON Schema, draft 2020-12. */
export type Schema = { readonly [keyword: string]: unknown };

/** A kind of values: how one is read, described and named. */
export interface Kind<Value> {
  /** Its name in the documentation. */
  readonly label: string;
  readonly schema: Schema;
  /** The tables of it, without the tables within their fields. */
  readonly sections?: readonly Section[];
  /** Returns undefined if the value is wrong, after reporting each problem to `place`. */
  read(value: unknown, place: Place): Value | undefined;
}

/** A key of a table. */
export interface Field<Value> {
  readonly kind: Kind<Value>;
  /** One sentence or more for the documentation and for editors. */
  readonly about: string;
  readonly isRequired: boolean;
  /** The default as a user would write it. Undefined: none. */
  readonly written: string | number | boolean | undefined;
  /** What the field is if it is not written. */
  readonly absent: Value | undefined;
}

/** The keys of a table. */
export type Fields = Readonly<Record<string, Field<unknown>>>;
/** A table in the documentation. */
export interface Section {
  /** As it is written, such as `[[listener]]`. */
  readonly title: string;
  readonly about: string;
  readonly fields: Fields;
}

/** Text that a function reads. It returns undefined for what breaks the rule, unless it reported a more precise problem itself. */
export interface Syntax<Value> {
  readonly label: string;
  /** In words that follow the key, as in `must be an address, such as "127.0.0.1:1883"`. */
  readonly rule: string;
  /** What JSON Schema can check of it. */
  readonly pattern?: string;
  /** Whether the values 0 and what it stands for are allowed in its place. */
  readonly zero?: Value;
  /** Reads a text that is not empty. */
  read(text: string, place: Place): Value | undefined;
}

/** Text with a syntax of its own. */
export function syntax<Value>({ label, rule, pattern, zero, read }: Syntax<Value>): Kind<Value> {
  const text: Schema = { type: "string", minLength: 1, ...(pattern === undefined ? {} : { pattern }) };
  return {
    label: zero === undefined ? label : `${label} or 0`,
    schema: zero === undefined ? text : { anyOf: [text, { const: 0 }] },
    read(value, place) {
      if (value === 0 && zero !== undefined) return zero;
      if (typeof value !== "string" || !isWellFormed(value)) return place.wrong(rule, value);
      const before = place.reading.problems.length;
      const result = read(value, place);
      return result === undefined && place.reading.problems.length === before ? place.wrong(rule, value) : result;
    },
  };
}

/** Text of any characters. */
export function text(least: number, most: number): Kind<string> {
  const kind = syntax({
    label: "text",
    rule: `must be a string of ${most === 1 ? (least === 1 ? "1 character" : "at most 1 character") : `${least} to ${most} characters`}`,
    read: (value) => (value.length >= least && value.length <= most ? value : undefined),
  });
  return { ...kind, schema: { type: "string", minLength: least, maxLength: most } };
}

/** UTF-8 has no form for half a surrogate pair. */
function isWellFormed(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.codePointAt(i) ?? 0;
    if (code >= 0xd800 && code <= 0xdfff) return false;
    if (code > 0xffff) i++;
  }
  return true;
}

/** How a user writes an environment variable. */
const VARIABLE = "$\u007bNAME}";

/** A password, key or token: as such, or `${NAME}` for an environment variable, or `file:/path` for a file. It is never shown. */
export function secret(): Kind<string> {
  const rule = `must be a string: the secret, ${VARIABLE} for an environment variable, or file:/path for a file`;
  return {
    label: "secret",
    schema: { type: "string", minLength: 1 },
    read(value, place) {
      if (typeof value !== "string" || value === "") {
        return place.problem(`${rule}; it is ${value === "" ? "empty" : typeName(value)}`);
      }
      if (value.startsWith("file:")) return secretFile(value.slice(5), place);
      const name = /^\$\{(\w{1,200})\}$/.exec(value)?.[1];
      if (name !== undefined) return secretVariable(name, place);
      if (value.includes("${"))
        return place.problem(`${VARIABLE} must stand alone; it is not replaced within other text`);
      return value;
    },
  };
}

/** A secret that is in a file, which the program reads later: its path, also as `file:/path`, or `${NAME}` for a path. */
export function secretPath(): Kind<string> {
  const kind = secret();
  return {
    ...kind,
    label: "path",
    read: (value, place) =>
      typeof value === "string" && value.startsWith("file:/") ? value.slice(5) : kind.read(value, place),
  };
}

function secretVariable(name: string, place: Place): string | undefined {
  const { environment } = place.reading.secrets;
  const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
  if (value) return value;
  return place.problem(`the environment variable ${name} is ${value === "" ? "empty" : "not set"}; set it`);
}

function secretFile(path: string, place: Place): string | undefined {
  try {
    const content = place.reading.secrets.readFile(path).replace(/\r?\n$/, "");
    return content === "" ? place.problem(`the file "${path}" is empty; write the secret into it`) : content;
  } catch (error) {
    const { code } = Object(error) as { code?: unknown };
    return place.problem(`the file "${path}" cannot be read${typeof code === "string" ? ` (${code})` : ""}`);
  }
}

/** One of several values. */
export function choice<const Values extends readonly (string | number | boolean)[]>(
  ...values: Values
): Kind<Values[number]> {
  const names = values.map((each) => JSON.stringify(each));
  const rule =
    names.length === 1 ? `must be ${names[0]}` : `must be ${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
  return {
    label: names.join(" \\| "),
    schema: { enum: values },
    read(value, place) {
      const found = values.find((each) => each === value);
      if (found !== undefined) return found;
      const near =
        typeof value === "string"
          ? nearest(
              value,
              values.filter((each) => typeof each === "string"),
            )
          : undefined;
      return place.wrong(near === undefined ? rule : `${rule} (did you mean "${near}"?)`, value);
    },
  };
}

/** True or false. */
export function boolean(): Kind<boolean> {
  return { ...choice(true, false), label: "boolean", schema: { type: "boolean" } };
}

/** A whole number from `least` to `most`. */
export function integer(least: number, most: number): Kind<number> {
  const isRight = (value: unknown): value is number =>
    Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
  return {
    label: `integer ${least}–${most}`,
    schema: { type: "integer", minimum: least, maximum: most },
    read: (value, place) =>
      isRight(value) ? value : place.wrong(`must be an integer from ${least} to ${most}`, value),
  };
}

/** A finite number. */
export function number(): Kind<number> {
  return {
    label: "number",
    schema: { type: "number" },
    read: (value, place) =>
      typeof value === "number" && Number.isFinite(value) ? value : place.wrong("must be a finite number", value),
  };
}

/** A string, a number or a boolean. */
export function scalar(): Kind<string | number | boolean> {
  return {
    label: "string, number or boolean",
    schema: { type: ["string", "number", "boolean"] },
    read(value, place) {
      if (typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))) return value;
      return typeof value === "string" && isWellFormed(value)
        ? value
        : place.wrong("must be a string, a number or a boolean", value);
    },
  };
}

/** A list of `least` to `most` elements. */
export function list<Value>(of: Kind<Value>, least: number, most: number): Kind<readonly Value[]> {
  return {
    label: `list of ${of.label}`,
    schema: { type: "array", items: of.schema, minItems: least, maxItems: most },
    ...(of.sections === undefined ? {} : { sections: of.sections }),
    read(value, place) {
      if (!Array.isArray(value)) {
        const title = of.sections?.[0]?.title;
        const hint = isTable(value) && title?.startsWith("[[") ? `; write ${title}` : "";
        return place.problem(`must be a list, not ${typeName(value)}${hint}`);
      }
      if (value.length < least || value.length > most) {
        return place.problem(`must have ${least} to ${most} elements; it has ${value.length}`);
      }
      const read = value.map((each: unknown, i) => of.read(each, place.at(i)));
      return read.includes(undefined) ? undefined : (read as Value[]);
    },
  };
}

/** A table whose keys the user chooses. */
export function dictionary<Value>(of: Kind<Value>, most: number): Kind<Readonly<Record<string, Value>>> {
  return {
    label: `table of ${of.label}`,
    schema: { type: "object", additionalProperties: of.schema, maxProperties: most },
    read(value, place) {
      if (!isTable(value)) return place.problem(`must be a table, not ${typeName(value)}`);
      const names = Object.keys(value);
      if (names.length > most) return place.problem(`must have at most ${most} keys; it has ${names.length}`);
      const read = names.map((name) => [name, of.read(value[name], place.at(name))] as const);
      return read.some(([, each]) => each === undefined)
        ? undefined
        : (Object.fromEntries(read) as Record<string, Value>);
    },
  };
}

/** A short form, which is a string, or the full form. */
export function shortOr<Short, Full>(short: Kind<Short>, full: Kind<Full>): Kind<Short | Full> {
  return {
    label: `${short.label} or ${full.label}`,
    schema: { anyOf: [short.schema, full.schema] },
    ...(full.sections === undefined ? {} : { sections: full.sections }),
    read: (value, place) => (isObject(value) ? full : short).read(value, place),
  };
}

/** One element, or a list of them. */
export function oneOrMore<Value>(of: Kind<Value>, most: number): Kind<readonly Value[]> {
  const several = list(of, 1, most);
  return {
    ...several,
    schema: { anyOf: [of.schema, several.schema] },
    read(value, place) {
      if (Array.isArray(value)) return several.read(value, place);
      const read = of.read(value, place);
      return read === undefined ? undefined : [read];
    },
  };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** Returns whether a value of a document is a table: not a list, and not a date. */
export function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  if (!isObject(value) || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
