/** Values of S-expressions: what an atom or a list stands for, and how a value is written. */

import { Failure } from "../failure.js";
import type { FieldValue } from "../pipeline/outcome.js";
import { hasControl } from "./control.js";
import { exactNumber, isJsonNumber } from "./number.js";
import { escapedString, isList, isPlainAtom, type Sexpr, type SexprAtom } from "./sexpr-text.js";

/** The atom that stands for no value. */
const NOTHING = "?";

/** Whether an atom without quotation marks stands for something else than its text. */
function isWord(text: string): boolean {
  return text === NOTHING || text === "true" || text === "false" || isJsonNumber(text);
}

export function isNothing(node: SexprAtom): boolean {
  return !node.isQuoted && node.text === NOTHING;
}

/** The arguments of a list whose second is a unit: `21.5 C`, but not `1 2` and not `1 "C"`. */
export function hasUnit(items: readonly Sexpr[]): items is readonly [SexprAtom, SexprAtom] {
  const [value, unit] = items;
  if (items.length !== 2 || value === undefined || unit === undefined || isList(value) || isList(unit)) return false;
  return !unit.isQuoted && !isWord(unit.text);
}

/** Lists become arrays. A number that is not written as JSON writes it, such as 0042, is text. */
export function jsonOf(node: Sexpr): FieldValue {
  if (isList(node)) return node.map(jsonOf);
  const { text, isQuoted } = node;
  if (isQuoted || !isWord(text)) return text;
  if (text === NOTHING) return null;
  return text === "true" || text === "false" ? text === "true" : exactNumber(text);
}

/** The inverse of `jsonOf`. @param wrong makes the failure, from the rule that the value breaks */
export function sexprOf(value: FieldValue, wrong: (rule: string) => Failure): string | Failure {
  if (value === null) return NOTHING;
  if (typeof value === "string") {
    return hasControl(value) ? wrong(CONTROL) : isWord(value) ? `"${value}"` : atomOf(value);
  }
  if (typeof value !== "object") return String(value);
  if (!Array.isArray(value)) return wrong("must not be an object, which an S-expression does not have");
  const items = itemsOf(value, wrong);
  return items instanceof Failure ? items : `(${items})`;
}

/** The items of a list, without its parentheses. */
export function itemsOf(values: readonly FieldValue[], wrong: (rule: string) => Failure): string | Failure {
  const items: string[] = [];
  for (const each of values) {
    const item = sexprOf(each, wrong);
    if (item instanceof Failure) return item;
    items.push(item);
  }
  return items.join(" ");
}

export const CONTROL = "must not contain control characters";

/** A text whose type is known: in quotation marks if it would otherwise not be one atom. */
export function atomOf(text: string): string {
  return isPlainAtom(text) && text !== NOTHING ? text : `"${escapedString(text)}"`;
}
