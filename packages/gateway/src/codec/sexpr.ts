/**
 * The format "sexpr": lists, each with a field's name, its value and perhaps a unit, as `(temperature 21.5 C)(relay on)`. An envelope may stand around
 * them. `?` stands for no value.
 */

import { wrongOption } from "@aiko/mqtt/options";
import type { FieldSettings } from "../configuration/configuration.js";
import { plainField } from "../configuration/field-types.js";
import { Failure } from "../failure.js";
import type { Fields, FieldValue } from "../pipeline/outcome.js";
import { shown } from "../text/shown.js";
import { hasControl } from "./control.js";
import { Field } from "./field.js";
import { oneWayOf, type TextFormat } from "./format.js";
import { parseJson } from "./json-text.js";
import { type Envelope, type EnvelopeItem, parseEnvelope } from "./sexpr-envelope.js";
import { SexprTemplate } from "./sexpr-template.js";
import { isList, isPlainAtom, parseSexpr, type Sexpr, type SexprAtom } from "./sexpr-text.js";
import { atomOf, CONTROL, hasUnit, isNothing, itemsOf, jsonOf, sexprOf } from "./sexpr-value.js";

export interface SexprFormatSettings {
  /** Undefined: the frame has the lists only. */
  readonly envelope: string | undefined;
  /** What is encoded, with placeholders. Undefined: the envelope, with a list for each field. */
  readonly template: string | undefined;
  readonly fields: readonly FieldSettings[];
}

/** A field in the device's order of words. */
interface Known {
  readonly field: Field;
  readonly settings: FieldSettings;
}

export function sexprFormat({ envelope: written, template, fields }: SexprFormatSettings): TextFormat {
  const envelope = written === undefined ? undefined : parseEnvelope(written);
  if (written !== undefined && envelope === undefined) {
    throw wrongOption("decode.envelope", `${shown(written)} must be an envelope, such as "(node {node} {time} …)"`);
  }
  const known = new Map<string, Known>(
    fields.map((settings) => [settings.name, { settings, field: new Field(settings) }]),
  );
  const textField = (name: string) => known.get(name)?.field ?? new Field(plainField(name, "text"));
  const filled = template === undefined ? undefined : new SexprTemplate(template, textField);
  const sexpr = new SexprFields(envelope, known, textField);
  return {
    reads: "text",
    oneWay: oneWayOf(filled?.fields ?? [...known.values()].map(({ field }) => field)),
    decode: (text) => sexpr.decode(text, new Map()),
    encode: (values) => filled?.fill(values) ?? sexpr.encode(values),
    units(text) {
      const units = new Map<string, string>();
      sexpr.decode(text, units);
      return units;
    },
  };
}

class SexprFields {
  private readonly enveloped = new Map<string, Field>();

  constructor(
    private readonly envelope: Envelope | undefined,
    private readonly known: ReadonlyMap<string, Known>,
    textField: (name: string) => Field,
  ) {
    for (const item of envelope?.items ?? []) {
      if ("field" in item) this.enveloped.set(item.field, textField(item.field));
    }
  }

  /** @param units takes the units that are in the text */
  decode(text: string, units: Map<string, string>): Map<string, FieldValue> | Failure {
    const lists = parseSexpr(text);
    if (lists instanceof Failure) return lists;
    const found = new Map<string, FieldValue>();
    let inner: readonly Sexpr[] = lists;
    if (this.envelope !== undefined) {
      const [list = []] = lists;
      if (lists.length > 1)
        return new Failure("decode", `sexpr: the frame has ${lists.length} lists; the envelope is one`);
      const failure = this.open(this.envelope, list, found);
      if (failure !== undefined) return failure;
      inner = list.slice(this.envelope.items.length);
    }
    for (const list of inner) {
      const failure = this.add(list, found, units);
      if (failure !== undefined) return failure;
    }
    return found;
  }

  encode(values: Fields): string | Failure {
    const lists: string[] = [];
    if (this.envelope?.isOpen !== false) {
      for (const [name, value] of values) {
        const list = this.enveloped.has(name) ? "" : this.list(name, value);
        if (list instanceof Failure) return list;
        lists.push(list);
      }
    }
    if (this.envelope === undefined) {
      return lists.length === 0 ? new Failure("encode", "sexpr: there is no field to encode") : lists.join("");
    }
    const items: string[] = [];
    for (const item of this.envelope.items) {
      const text = this.item(item, values);
      if (text instanceof Failure) return text;
      items.push(text);
    }
    const all = lists.join("");
    return `(${items.join(" ")}${all === "" ? "" : ` ${all}`})`;
  }

  /** Reads the envelope's own items. */
  private open(
    { items, isOpen }: Envelope,
    list: readonly Sexpr[],
    found: Map<string, FieldValue>,
  ): Failure | undefined {
    if (list.length < items.length || (!isOpen && list.length > items.length)) {
      return new Failure("decode", `sexpr: the frame has ${list.length} items, but the envelope has ${items.length}`);
    }
    for (const [i, item] of items.entries()) {
      const node = list[i] as Sexpr;
      if (isList(node)) return new Failure("decode", `sexpr: item ${i + 1} is a list, but the envelope has none there`);
      const failure = this.readItem(item, node, found);
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  private readItem(item: EnvelopeItem, node: SexprAtom, found: Map<string, FieldValue>): Failure | undefined {
    if ("literal" in item) {
      if (node.text === item.literal) return undefined;
      return new Failure("decode", `sexpr: ${shown(node.text)} must be ${shown(item.literal)}, as in the envelope`);
    }
    if (isNothing(node)) return undefined;
    const value = (this.enveloped.get(item.field) as Field).fromText(node.text);
    if (value instanceof Failure) return value;
    found.set(item.field, value);
    return undefined;
  }

  /** Adds the field of an inner list. */
  private add(list: Sexpr, found: Map<string, FieldValue>, units: Map<string, string>): Failure | undefined {
    if (!isList(list))
      return new Failure("decode", `sexpr: ${shown(list.text)} must be a list with a field's name and value`);
    const [head, ...items] = list;
    if (head === undefined || isList(head) || head.text === "") {
      return new Failure("decode", "sexpr: a list must begin with a field's name");
    }
    const name = head.text;
    if (found.has(name) || this.enveloped.has(name))
      return new Failure("decode", `sexpr: the field ${shown(name)} stands twice`);
    const [first] = items;
    const value = this.value(this.known.get(name), items, first);
    if (value instanceof Failure) return value;
    found.set(name, value);
    if (hasUnit(items)) units.set(name, items[1].text);
    return undefined;
  }

  private value(known: Known | undefined, items: readonly Sexpr[], first: Sexpr | undefined): FieldValue | Failure {
    const isOne = first !== undefined && (items.length === 1 || hasUnit(items));
    const isTyped = known !== undefined && known.settings.type !== "json";
    if (isOne && !isList(first) && isTyped) return isNothing(first) ? null : known.field.fromText(first.text);
    const value = isOne ? jsonOf(first) : items.map(jsonOf);
    return known?.field.fromJson(value) ?? value;
  }

  private item(item: EnvelopeItem, values: Fields): string | Failure {
    if ("literal" in item) return item.literal;
    const value = values.get(item.field);
    if (value === undefined || value === null) return "?";
    const field = this.enveloped.get(item.field) as Field;
    const text = field.toText(value);
    if (text instanceof Failure) return text;
    return hasControl(text) ? field.cannot(value, CONTROL) : atomOf(text);
  }

  /** The list of one field. */
  private list(name: string, value: FieldValue): string | Failure {
    if (name === "" || hasControl(name))
      return new Failure("encode", `sexpr: ${shown(name)} cannot be the name of a field`);
    const known = this.known.get(name);
    const text = this.arguments(known, name, value);
    if (text instanceof Failure) return text;
    const unit = typeof value === "object" ? undefined : known?.settings.unit;
    const head = isPlainAtom(name) ? name : atomOf(name);
    if (unit === undefined) return text === "" ? `(${head})` : `(${head} ${text})`;
    const isUnit = isPlainAtom(unit) && !hasControl(unit) && hasUnit([UNIT_EXAMPLE, { text: unit, isQuoted: false }]);
    return isUnit
      ? `(${head} ${text} ${unit})`
      : (known?.field.cannot(value, `has the unit ${shown(unit)}, which is not an atom`) ?? text);
  }

  /** The value as the arguments of a list. An array of one or two items is a list of its own: it would be read as a value, or with a unit. */
  private arguments(known: Known | undefined, name: string, value: FieldValue): string | Failure {
    const field = known?.field ?? new Field(plainField(name, "json"));
    const wrong = (rule: string) => field.cannot(value, rule);
    if (known !== undefined && known.settings.type !== "json") {
      const text = value === null ? "?" : field.toText(value);
      if (text instanceof Failure || value === null) return text;
      return hasControl(text) ? wrong(CONTROL) : atomOf(text);
    }
    const json = field.toJson(value);
    const raw = json instanceof Failure ? json : parseJson(json);
    if (raw instanceof Failure) return json instanceof Failure ? json : wrong(`cannot be read again: ${raw.detail}`);
    return Array.isArray(raw) && (raw.length === 0 || raw.length > 2) ? itemsOf(raw, wrong) : sexprOf(raw, wrong);
  }
}

const UNIT_EXAMPLE: SexprAtom = { text: "1", isQuoted: false };
