/**
 * Conditions on a record's fields. Those that compare with the last record of the same topic remember it, within bounds: topics that have been
 * silent longest are forgotten first, and the next record of such a topic counts as its first.
 */

import { isDecimal } from "../codec/number.js";
import type { Condition } from "../configuration/configuration.js";
import { Failure } from "../failure.js";
import type { FieldValue } from "../pipeline/outcome.js";
import { shown } from "../text/shown.js";
import { valueText } from "./placeholder-values.js";
import { Recent } from "./recent.js";

/** Returns the value of a field. */
export type Lookup = (name: string) => FieldValue | undefined;

/** Returns why the record is dropped; undefined if all conditions hold that need no other record. */
export function filtered(conditions: readonly Condition[], lookup: Lookup): Failure | undefined {
  for (const condition of conditions) {
    if (!needsLast(condition) && !holds(condition, lookup(condition.field))) return failure(condition, lookup);
  }
  return undefined;
}

/** A missing field satisfies nothing but "exists" with the value false. */
function holds({ op, value: wanted }: Condition, value: FieldValue | undefined): boolean {
  if (op === "exists") return (value !== undefined) === (wanted !== false);
  if (value === undefined || wanted === undefined) return false;
  switch (op) {
    case "=":
      return !isList(wanted) && isEqual(value, wanted);
    case "!=":
      return !isList(wanted) && !isEqual(value, wanted);
    case "in":
      return isList(wanted) && wanted.some((each) => isEqual(value, each));
    case "<":
      return numberOf(value) < Number(wanted);
    case ">":
      return numberOf(value) > Number(wanted);
    default:
      return true;
  }
}

function isList(value: Condition["value"]): value is readonly (string | number)[] {
  return typeof value === "object";
}

/** Numbers are compared as numbers, everything else as text: the text "5" equals the number 5. */
function isEqual(value: FieldValue, wanted: string | number | boolean): boolean {
  return typeof value === typeof wanted ? value === wanted : valueText(value) === String(wanted);
}

/** NaN, which is neither less nor greater, if the value is not a number. A large number may be a text. */
function numberOf(value: FieldValue): number {
  if (typeof value === "number") return value;
  return typeof value === "string" && isDecimal(value) ? Number(value) : Number.NaN;
}

function needsLast(condition: Condition): boolean {
  return condition.op === "changed" || condition.op === "delta";
}

function failure({ field, op, value: wanted }: Condition, lookup: Lookup): Failure {
  const value = lookup(field);
  const seen = value === undefined ? "missing" : shown(valueText(value));
  const rule = wanted === undefined ? op : `${op} ${JSON.stringify(wanted)}`;
  return new Failure("filtered", `field ${shown(field)} is ${seen}; the condition is "${rule}"`);
}

/** The last record of each topic, for "changed" and "delta". One of a source, so that a device that connects again is known. */
export class LastRecords {
  private readonly conditions: readonly Condition[];
  private readonly last = new Recent<readonly (FieldValue | undefined)[]>();

  constructor(conditions: readonly Condition[]) {
    this.conditions = conditions.filter(needsLast);
  }

  /** How many topics are remembered, at most 10,000; one that is in both generations counts twice. */
  get size(): number {
    return this.last.size;
  }

  /** Returns why the record is dropped; undefined if it is not. */
  filtered(topic: string, lookup: Lookup): Failure | undefined {
    if (this.conditions.length === 0) return undefined;
    const last = this.last.get(topic);
    if (last === undefined) return undefined;
    for (const [index, condition] of this.conditions.entries()) {
      if (!differs(condition, last[index], lookup(condition.field))) return failure(condition, lookup);
    }
    return undefined;
  }

  /** The record is the last of its topic from now on. */
  remember(topic: string, lookup: Lookup): void {
    if (this.conditions.length === 0) return;
    const values = this.conditions.map(({ field }) => lookup(field));
    let characters = 0;
    for (const value of values) characters += value === undefined ? 0 : valueText(value).length;
    this.last.set(topic, values, characters);
  }

  /** Forgets the last record of a topic, because it was not accepted: the device's next one counts as the first. */
  forget(topic: string): void {
    this.last.delete(topic);
  }
}

/** For "delta", values that are not both numbers count as far apart if they are not equal. */
function differs(condition: Condition, last: FieldValue | undefined, value: FieldValue | undefined): boolean {
  if (condition.op === "delta" && typeof last === "number" && typeof value === "number") {
    return Math.abs(value - last) >= Number(condition.value);
  }
  if (last === undefined || value === undefined) return last !== value;
  return typeof last !== typeof value || valueText(last) !== valueText(value);
}
