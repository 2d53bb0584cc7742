/** Tables with known keys: a row has a key, its kind, its default and its meaning. Knows no section of the configuration. */

import { nearest } from "@aiko/mqtt/options";
import { choice, type Field, type Fields, isTable, type Kind, type Schema, type Section } from "./kind.js";
import { defaultsPlace, type Place, quoted, typeName } from "./place.js";

/** The values of the keys of a table. */
export type Read<Table extends Fields> = {
  readonly [Name in keyof Table]: Table[Name] extends Field<infer Value> ? Value : never;
};

/** A key that must be written. */
export function required<Value>(kind: Kind<Value>, about: string): Field<Value> {
  return { kind, about, isRequired: true, written: undefined, absent: undefined };
}

/** A key that may be missing, and then is undefined. */
export function optional<Value>(kind: Kind<Value>, about: string): Field<Value | undefined> {
  return { kind, about, isRequired: false, written: undefined, absent: undefined };
}

/** A field with a default, which the field's own kind reads. */
export function preset<Value>(kind: Kind<Value>, written: string | number | boolean, about: string): Field<Value> {
  const absent = kind.read(written, defaultsPlace);
  if (absent === undefined)
    throw new Error(`the default ${written} is wrong: ${defaultsPlace.reading.problems.at(-1)?.message}`);
  return { kind, about, isRequired: false, written, absent };
}

/** A table that may be missing: each of its fields then has its default. */
export function section<Value>(kind: Kind<Value>, about: string): Field<Value> {
  const absent = kind.read({}, defaultsPlace);
  if (absent === undefined)
    throw new Error(`a default of the table is wrong: ${defaultsPlace.reading.problems.at(-1)?.message}`);
  return { kind, about, isRequired: false, written: undefined, absent };
}

/** What the rules between fields are given. */
export interface Written<Table extends Fields> {
  /** The fields that are right, or absent and have a default. */
  readonly values: Partial<Read<Table>>;
  /** The fields that are wrong or missing, which were reported. */
  readonly wrong: ReadonlySet<string>;
  readonly place: Place;
}

/** What a table is made of. */
export interface TableOptions<Table extends Fields, Built> {
  readonly title: string;
  readonly about: string;
  readonly fields: Table;
  /** A section with fields of this table that other tables have too. The documentation shows them once. */
  readonly inherits?: Section;
  /** Keys that get a message of their own, in words that follow the key. */
  readonly refused?: Readonly<Record<string, string>>;
  /** Reports what is wrong between the fields. */
  check?(written: Written<Table>): void;
  /** Makes what the program uses. Undefined if that is not possible, after reporting it. */
  build(values: Read<Table>, place: Place): Built | undefined;
}

/** A table whose keys are known. */
export function table<Table extends Fields, Built>(options: TableOptions<Table, Built>): Kind<Built> {
  const { title, about, fields, inherits } = options;
  return {
    label: "table",
    schema: schemaOf(fields),
    sections:
      inherits === undefined
        ? [{ title, about, fields }]
        : [inherits, { title, about, fields: ownFields(fields, inherits) }],
    read(value, place) {
      if (!isTable(value)) return place.problem(`must be a table, not ${typeName(value)}`);
      const before = place.reading.problems.length;
      for (const key of Object.keys(value)) {
        if (place.reading.isFull) break;
        if (!Object.hasOwn(fields, key)) unknownKey(key, options, place);
      }
      const wrong = new Set<string>();
      const values: Record<string, unknown> = {};
      for (const [name, field] of Object.entries(fields)) {
        const read = readField(field, Object.hasOwn(value, name) ? value[name] : undefined, place.at(name));
        if (read.isWrong) wrong.add(name);
        else values[name] = read.value;
      }
      options.check?.({ values: values as Partial<Read<Table>>, wrong, place });
      return place.reading.problems.length === before ? options.build(values as Read<Table>, place) : undefined;
    },
  };
}

function ownFields(fields: Fields, inherited: Section): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name, field]) => inherited.fields[name] !== field));
}

function readField(
  { kind, isRequired, absent }: Field<unknown>,
  value: unknown,
  place: Place,
): { isWrong: boolean; value?: unknown } {
  if (value === undefined) {
    if (isRequired) place.problem(`is required and missing; its type is ${kind.label}`);
    return { isWrong: isRequired, value: absent };
  }
  const read = kind.read(value, place);
  return { isWrong: read === undefined, value: read };
}

function unknownKey<Table extends Fields>(
  key: string,
  { title, fields, refused = {} }: TableOptions<Table, unknown>,
  place: Place,
): void {
  if (Object.hasOwn(refused, key)) {
    place.at(key).problem(refused[key] ?? "");
    return;
  }
  const names = Object.keys(fields);
  const near = nearest(key.slice(0, 100), names);
  const help = near === undefined ? `the keys of ${title} are ${names.join(", ")}` : `did you mean "${near}"?`;
  place.at(key).problem(`unknown key ${quoted(key)}; ${help}`);
}

function schemaOf(fields: Fields): Schema {
  const needed = Object.keys(fields).filter((name) => fields[name]?.isRequired);
  const properties = Object.entries(fields).map(([name, { kind, about, written }]) => [
    name,
    { ...kind.schema, description: about, ...(written === undefined ? {} : { default: written }) },
  ]);
  return {
    type: "object",
    properties: Object.fromEntries(properties),
    ...(needed.length > 0 ? { required: needed } : {}),
    additionalProperties: false,
  };
}

/** A table, or only the name of its form, where no further key is required. @param names the forms that can be written so */
export function nameOrTable<Built>(by: string, names: readonly string[], forms: Kind<Built>): Kind<Built> {
  const name = choice(...names);
  return {
    ...forms,
    label: `${name.label} or table`,
    schema: { anyOf: [name.schema, forms.schema] },
    read(value, place) {
      if (typeof value !== "string") return forms.read(value, place);
      return name.read(value, place) === undefined ? undefined : forms.read({ [by]: value }, place);
    },
  };
}

/**
 * Tables of several forms. The key `by` says which one a table has.
 *
 * @param refused forms that get a message of their own, in words that follow the name of the form and precede "it supports"
 */
export function variants<Built>(
  by: string,
  forms: Readonly<Record<string, Kind<Built>>>,
  refused: Readonly<Record<string, string>> = {},
): Kind<Built> {
  const names = Object.keys(forms);
  const allowed = names.map((name) => `"${name}"`).join(", ");
  return {
    label: "table",
    schema: { oneOf: Object.values(forms).map(({ schema }) => schema) },
    sections: Object.values(forms).flatMap(({ sections = [] }) => sections),
    read(value, place) {
      if (!isTable(value)) return place.problem(`must be a table, not ${typeName(value)}`);
      const form = Object.hasOwn(value, by) ? value[by] : undefined;
      if (form === undefined) return place.at(by).problem(`is required and missing; write one of ${allowed}`);
      const isName = typeof form === "string";
      if (isName && Object.hasOwn(forms, form)) return forms[form]?.read(value, place);
      if (isName && Object.hasOwn(refused, form))
        return place.at(by).problem(`"${form}" ${refused[form]}; it supports ${allowed}`);
      const near = isName ? nearest(form.slice(0, 100), names) : undefined;
      return place
        .at(by)
        .wrong(`must be one of ${allowed}${near === undefined ? "" : ` (did you mean "${near}"?)`}`, form);
    },
  };
}
