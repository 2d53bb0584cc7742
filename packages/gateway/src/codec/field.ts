/**
 * One field of a record: its type, scale, values and bounds. Turns what a format found into a value, and a value back into what the device has, or
 * says why it cannot. Knows no format.
 */

import type { FieldSettings } from "../configuration/configuration.js";
import { Failure } from "../failure.js";
import type { FieldValue } from "../pipeline/outcome.js";
import { shown } from "../text/shown.js";
import { parseJson } from "./json-text.js";
import { exactNumber, isDecimal, isJsonNumber, trimmed } from "./number.js";
import { isIntegerType, rangeProblem, withoutTrace } from "./number-type.js";

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["false", false],
  ["1", true],
  ["0", false],
  ["on", true],
  ["off", false],
  ["yes", true],
  ["no", false],
]);
const LONGEST_BOOLEAN = 5;
const BOOLEAN_RULE = "must be true, false, 1, 0, on, off, yes or no";

/** Types whose values are text as the device has it. */
const TEXTS: ReadonlySet<string> = new Set(["text", "hex"]);

export class Field {
  readonly name: string;
  /** Why no value can be encoded, although decoding works. Undefined: values can be encoded. */
  readonly oneWay: string | undefined;
  private readonly values: ReadonlyMap<string, string | number | boolean>;
  /** What the device has, by the text of the value. */
  private readonly written = new Map<string, string>();
  private readonly isScaled: boolean;

  constructor(private readonly settings: FieldSettings) {
    this.name = settings.name;
    this.values = new Map(Object.entries(settings.values));
    this.isScaled = settings.scale !== 1 || settings.offset !== 0;
    for (const [raw, value] of this.values) {
      const first = this.written.get(String(value));
      if (first === undefined) this.written.set(String(value), raw);
      else {
        const both = `${shown(first)} and ${shown(raw)}`;
        this.oneWay ??= `field ${this.shownName}: ${shown(String(value))} stands for ${both} in values; it cannot be encoded`;
      }
    }
  }

  /** Converts what a text format found. */
  fromText(text: string): FieldValue | Failure {
    if (this.values.size > 0) {
      const value = this.values.get(text);
      if (value !== undefined) return value;
    }
    const { type } = this.settings;
    if (TEXTS.has(type)) return text;
    if (type === "bool") return this.bool(text, "decode");
    if (type !== "json") return this.number(text);
    const value = parseJson(text);
    return value instanceof Failure ? new Failure("decode", `field ${this.shownName} ${value.detail}`) : value;
  }

  /** Converts a value of a JSON document. null stays null: no value. */
  fromJson(value: FieldValue): FieldValue | Failure {
    if (this.settings.type === "json" && this.values.size === 0) return value;
    if (typeof value === "string") return this.settings.type === "json" ? this.mapped(value) : this.fromText(value);
    if (value === null) return value;
    if (typeof value === "object") return this.settings.type === "json" ? value : this.wrong("an object or array", "");
    if (this.values.size > 0) {
      const mapped = this.values.get(String(value));
      if (mapped !== undefined) return mapped;
    }
    if (this.settings.type === "json") return value;
    if (this.settings.type === "text") return String(value);
    if (this.settings.type === "bool") return typeof value === "boolean" ? value : this.bool(String(value), "decode");
    return typeof value === "number" ? this.checked(value, "") : this.wrong(String(value), "");
  }

  /** Converts a number that is in bytes. @param exact a text if a double cannot hold it */
  fromNumber(exact: number | string): FieldValue | Failure {
    if (this.values.size > 0) {
      const value = this.values.get(String(exact));
      if (value !== undefined) return value;
    }
    if (this.settings.type !== "bool") return this.checked(exact, "");
    return exact === 0 || exact === 1 ? exact === 1 : this.wrong(String(exact), "must be 0 or 1");
  }

  /** Returns the text that `fromText` turns into the value. */
  toText(value: FieldValue | undefined): string | Failure {
    if (value === undefined) return this.missing();
    const mapped = this.unmapped(value);
    if (mapped !== undefined) return mapped;
    const raw = this.raw(value);
    if (raw instanceof Failure) return raw;
    const text = typeof raw === "object" || this.settings.type === "json" ? JSON.stringify(raw) : String(raw);
    return this.values.has(text) ? this.taken(text) : text;
  }

  /** Returns the text of the JSON value that `fromJson` turns into the value. */
  toJson(value: FieldValue): string | Failure {
    const mapped = this.unmapped(value);
    if (mapped !== undefined) return this.jsonOf(mapped);
    if (value === null) return "null";
    const raw = this.raw(value);
    if (raw instanceof Failure) return raw;
    if (typeof raw !== "object" && this.values.has(String(raw))) return this.taken(String(raw));
    const isNumber = typeof raw === "number" || (typeof raw === "string" && this.isNumeric);
    return isNumber ? String(raw) : JSON.stringify(raw);
  }

  /** Returns the number that `fromNumber` turns into the value: a text if a double cannot hold it. */
  toNumber(value: FieldValue | undefined): number | string | Failure {
    if (value === undefined) return this.missing();
    const mapped = this.unmapped(value);
    if (mapped !== undefined) {
      return isDecimal(mapped) ? exactNumber(mapped) : this.cannot(value, `stands for ${shown(mapped)}, not a number`);
    }
    const raw = this.raw(value);
    if (raw instanceof Failure) return raw;
    const exact = typeof raw === "boolean" ? Number(raw) : raw;
    if (typeof exact === "object" || this.settings.type === "text") return this.cannot(value, "must be a number");
    return this.values.has(String(exact)) ? this.taken(String(exact)) : exact;
  }

  /** What is wrong with a value that shall be encoded. @param rule in words that follow the value */
  cannot(value: FieldValue, rule: string): Failure {
    const text = typeof value === "string" ? shown(value) : typeof value === "object" ? kindOf(value) : String(value);
    return new Failure("encode", `field ${this.shownName} ${text}: ${rule}`);
  }

  missing(): Failure {
    return new Failure("encode", `field ${this.shownName} is missing`);
  }

  private mapped(value: string): FieldValue {
    return this.values.get(value) ?? value;
  }

  /** What the device has for a value that is in `values`. */
  private unmapped(value: FieldValue): string | undefined {
    return this.written.size === 0 || typeof value === "object" ? undefined : this.written.get(String(value));
  }

  /** A raw value that `values` turns into another cannot be sent as such: the device would be understood differently. */
  private taken(raw: string): Failure {
    return this.cannot(raw, `is the device's word for ${shown(String(this.values.get(raw)))}; write that`);
  }

  private jsonOf(raw: string): string {
    const { type } = this.settings;
    const isPlain = type !== "text" && (isJsonNumber(raw) || raw === "true" || raw === "false");
    return isPlain ? raw : JSON.stringify(raw);
  }

  /** The value as the device has it, without `values`. */
  private raw(value: FieldValue): FieldValue | Failure {
    const { type } = this.settings;
    if (type === "json") return value;
    if (typeof value === "object") return this.cannot(value, `must be ${this.kind}`);
    if (TEXTS.has(type)) return String(value);
    if (type === "bool") {
      if (typeof value === "boolean") return value;
      return this.bool(String(value), "encode");
    }
    const word = typeof value === "string" ? trimmed(value) : value;
    if (typeof word === "boolean" || (typeof word === "string" && !isDecimal(word))) {
      return this.cannot(value, "must be a number");
    }
    return this.rawNumber(value, typeof word === "string" ? exactNumber(word) : word);
  }

  /** @param value as it was given, for what is said about it */
  private rawNumber(value: FieldValue, exact: number | string): number | string | Failure {
    const { type, scale, offset, min, max } = this.settings;
    const measured = Number(exact);
    if (!Number.isFinite(measured)) return this.cannot(value, "is beyond the range of f64");
    if (min !== undefined && measured < min) return this.cannot(value, `must be at least ${min}`);
    if (max !== undefined && measured > max) return this.cannot(value, `must be at most ${max}`);
    let raw = typeof exact === "string" ? String(BigInt(exact)) : exact;
    if (this.isScaled) {
      const unscaled = withoutTrace((measured - offset) / scale);
      raw = isIntegerType(type) ? Math.round(unscaled) : unscaled;
    }
    const rule = rangeProblem(type, raw);
    if (rule === undefined) return raw;
    return this.cannot(value, this.isScaled ? `is ${raw} for the device, which ${rule}` : rule);
  }

  private bool(text: string, reason: "decode" | "encode"): boolean | Failure {
    const word = trimmed(text);
    const value = word.length > LONGEST_BOOLEAN ? undefined : BOOLEANS.get(word.toLowerCase());
    if (value !== undefined) return value;
    return reason === "decode" ? this.wrong(shown(text), BOOLEAN_RULE) : this.cannot(text, BOOLEAN_RULE);
  }

  private number(text: string): FieldValue | Failure {
    const word = trimmed(text);
    return isDecimal(word) ? this.checked(exactNumber(word), word) : this.wrong(shown(text), "");
  }

  /** @param exact what is kept if nothing is calculated: a text if a double cannot hold it */
  private checked(exact: number | string, text: string): FieldValue | Failure {
    const { type, scale, offset, min, max } = this.settings;
    const value = Number(exact);
    const rule = rangeProblem(type, exact);
    if (rule !== undefined) return this.wrong(seen(value, text), rule);
    let result = exact;
    let measured = value;
    if (this.isScaled) {
      measured = withoutTrace(value * scale + offset);
      if (!Number.isFinite(measured)) return this.wrong(seen(value, text), "is beyond the range of f64 once scaled");
      result = measured;
    }
    if (min !== undefined && measured < min) return this.wrong(String(result), `must be at least ${min}`);
    if (max !== undefined && measured > max) return this.wrong(String(result), `must be at most ${max}`);
    return result;
  }

  /** What is wrong with a value that was decoded. @param rule in words that follow the value; "" for one of another type */
  wrong(value: string, rule: string): Failure {
    return new Failure("decode", `field ${this.shownName} ${value}: ${rule || `must be ${this.kind}`}`);
  }

  private get isNumeric(): boolean {
    const { type } = this.settings;
    return !TEXTS.has(type) && type !== "bool" && type !== "json";
  }

  private get kind(): string {
    if (this.isNumeric) return "a number";
    return this.settings.type === "bool" ? "a boolean" : "text";
  }

  private get shownName(): string {
    return shown(this.name);
  }
}

function seen(value: number, text: string): string {
  return text === "" ? String(value) : shown(text);
}

function kindOf(value: object | null): string {
  return value === null ? "null" : "an object or array";
}
