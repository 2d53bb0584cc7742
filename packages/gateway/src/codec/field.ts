/** One field of a record: its type, scale, values and bounds. Turns what a format found into a value, or says why it cannot. */

import type { FieldSettings, FieldType } from "../configuration/configuration.js";
import { Failure } from "../failure.js";
import type { FieldValue } from "../pipeline/outcome.js";
import { shown } from "../text/shown.js";
import { parseJson } from "./json-text.js";
import { exactNumber, isDecimal, trimmed } from "./number.js";

/** The least and the greatest value of the integer types. */
const INTEGERS: Readonly<Partial<Record<FieldType, readonly [number, number]>>> = {
  u8: [0, 0xff],
  i8: [-0x80, 0x7f],
  u16: [0, 0xffff],
  i16: [-0x8000, 0x7fff],
  u24: [0, 0xff_ffff],
  u32: [0, 0xffff_ffff],
  i32: [-0x8000_0000, 0x7fff_ffff],
};
const F32_MAX = 3.4028234663852886e38;
const U64_MAX = "18446744073709551615";
/** Decimal digits that every double keeps: 3 × 0.1 is 0.3. */
const DIGITS = 15;

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

export class Field {
  readonly name: string;
  private readonly values: ReadonlyMap<string, string | number | boolean>;
  private readonly isScaled: boolean;

  constructor(private readonly settings: FieldSettings) {
    this.name = settings.name;
    this.values = new Map(Object.entries(settings.values));
    this.isScaled = settings.scale !== 1 || settings.offset !== 0;
  }

  /** Converts what a text format found. */
  fromText(text: string): FieldValue | Failure {
    if (this.values.size > 0) {
      const value = this.values.get(text);
      if (value !== undefined) return value;
    }
    const { type } = this.settings;
    if (type === "text") return text;
    if (type === "bool") return this.bool(text);
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
    if (this.settings.type === "bool") return typeof value === "boolean" ? value : this.bool(String(value));
    return typeof value === "number" ? this.checked(value, value, "") : this.wrong(String(value), "");
  }

  private mapped(value: string): FieldValue {
    return this.values.get(value) ?? value;
  }

  private bool(text: string): boolean | Failure {
    const word = trimmed(text);
    const value = word.length > LONGEST_BOOLEAN ? undefined : BOOLEANS.get(word.toLowerCase());
    return value ?? this.wrong(shown(text), "must be true, false, 1, 0, on, off, yes or no");
  }

  private number(text: string): FieldValue | Failure {
    const word = trimmed(text);
    return isDecimal(word) ? this.checked(exactNumber(word), Number(word), word) : this.wrong(shown(text), "");
  }

  /** @param exact what is kept if nothing is calculated: a text if a double cannot hold it */
  private checked(exact: number | string, value: number, text: string): FieldValue | Failure {
    const { type, scale, offset, min, max } = this.settings;
    const range = INTEGERS[type];
    if (range !== undefined && !(Number.isInteger(value) && value >= range[0] && value <= range[1])) {
      return this.wrong(this.seen(value, text), `must be an integer from ${range[0]} to ${range[1]}`);
    }
    if (type === "u64" && !isU64(exact)) {
      return this.wrong(this.seen(value, text), `must be an integer from 0 to ${U64_MAX}`);
    }
    if (!Number.isFinite(value) || (type === "f32" && Math.abs(value) > F32_MAX)) {
      return this.wrong(this.seen(value, text), `is beyond the range of ${type === "f32" ? "f32" : "f64"}`);
    }
    let result = exact;
    let measured = value;
    if (this.isScaled) {
      measured = value * scale + offset;
      if (!Number.isInteger(measured)) measured = Number(measured.toPrecision(DIGITS));
      if (!Number.isFinite(measured))
        return this.wrong(this.seen(value, text), "is beyond the range of f64 once scaled");
      result = measured;
    }
    if (min !== undefined && measured < min) return this.wrong(String(result), `must be at least ${min}`);
    if (max !== undefined && measured > max) return this.wrong(String(result), `must be at most ${max}`);
    return result;
  }

  private seen(value: number, text: string): string {
    return text === "" ? String(value) : shown(text);
  }

  private wrong(value: string, rule: string): Failure {
    return new Failure("decode", `field ${this.shownName} ${value}: ${rule || `must be ${this.kind}`}`);
  }

  private get kind(): string {
    return this.settings.type === "text" ? "text" : this.settings.type === "bool" ? "a boolean" : "a number";
  }

  private get shownName(): string {
    return shown(this.name);
  }
}

function isU64(value: number | string): boolean {
  if (typeof value === "number") return Number.isSafeInteger(value) && value >= 0;
  let from = value.charCodeAt(0) === 0x2b ? 1 : 0;
  while (from < value.length - 1 && value.charCodeAt(from) === 0x30) from++;
  const digits = value.slice(from);
  if (digits.includes(".") || digits.includes("e") || digits.includes("E") || digits.startsWith("-")) return false;
  return digits.length < U64_MAX.length || (digits.length === U64_MAX.length && digits <= U64_MAX);
}
