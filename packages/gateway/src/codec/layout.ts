/**
 * Fields that stand at fixed places in bytes: reads and writes them all. The configuration determined the places, so that no two fields overlap. Knows
 * no frame around the bytes.
 */

import type { BinaryLayout, BinaryPart } from "../configuration/binary-layout.js";
import { Failure } from "../failure.js";
import type { Fields, FieldValue } from "../pipeline/outcome.js";
import { hex, hexBytes } from "../text/hex.js";
import { exactLatin1Bytes, readLatin1, readUtf8, utf8Bytes } from "../text/utf8.js";
import { BytesNumber } from "./bytes-number.js";
import { Field } from "./field.js";

/** The encoding of text in bytes. */
export type BytesEncoding = "utf8" | "latin1";

interface Entry {
  readonly part: BinaryPart;
  readonly field: Field;
}

export class Layout {
  readonly fields: readonly Field[];
  private readonly entries: readonly Entry[];
  private readonly numbers = new BytesNumber();

  constructor(
    private readonly settings: BinaryLayout,
    private readonly encoding: BytesEncoding,
  ) {
    this.entries = settings.parts.map((part) => ({ part, field: new Field(part.settings) }));
    this.fields = this.entries.map(({ field }) => field);
  }

  /** @param bytes at least as many as the layout has */
  decode(bytes: Uint8Array): Map<string, FieldValue> | Failure {
    for (const { at, bytes: expected } of this.settings.constants) {
      for (let i = 0; i < expected.length; i++) {
        if (bytes[at + i] === expected[i]) continue;
        const found = hex(bytes, at + i, at + i + 1);
        return new Failure(
          "decode",
          `byte ${at + i} is 0x${found}, but the configuration has 0x${hex(expected, i, i + 1)}`,
        );
      }
    }
    const found = new Map<string, FieldValue>();
    for (const entry of this.entries) {
      const value = this.read(entry, bytes);
      if (value instanceof Failure) return value;
      found.set(entry.field.name, value);
    }
    return found;
  }

  /** Bytes that no field has are 0. */
  encode(fields: Fields): Uint8Array | Failure {
    const { constants, length, parts } = this.settings;
    const last = this.entries.at(-1);
    let rest = new Uint8Array(0);
    if (last !== undefined && last.part.size === undefined) {
      const bytes = this.written(last, fields);
      if (bytes instanceof Failure) return bytes;
      rest = new Uint8Array(bytes);
    }
    const all = new Uint8Array(length + rest.length);
    all.set(rest, length);
    for (const { at, bytes } of constants) all.set(bytes, at);
    for (let i = 0; i < parts.length; i++) {
      const entry = this.entries[i] as Entry;
      const failure = entry.part.size === undefined ? undefined : this.write(entry, fields, all);
      if (failure !== undefined) return failure;
    }
    return all;
  }

  private read({ part, field }: Entry, bytes: Uint8Array): FieldValue | Failure {
    const { at, settings } = part;
    const end = part.size === undefined ? bytes.length : at + part.size;
    switch (settings.type) {
      case "text":
        return this.readText(part, field, bytes, end);
      case "hex":
        return field.fromText(hex(bytes, at, end));
      case "bytes":
        return Array.from(bytes.subarray(at, end));
      default: {
        const exact = this.numbers.read(part, bytes);
        return exact === undefined
          ? field.wrong(`0x${hex(bytes, at, end)}`, "must have decimal digits only")
          : field.fromNumber(exact);
      }
    }
  }

  private readText(part: BinaryPart, field: Field, bytes: Uint8Array, to: number): FieldValue | Failure {
    const { at } = part;
    let end = to;
    while (part.size !== undefined && end > at && bytes[end - 1] === 0) end--;
    const text = this.encoding === "latin1" ? readLatin1(bytes, at, end) : readUtf8(bytes, at, end);
    if (typeof text === "string") return field.fromText(text);
    return field.wrong(`0x${hex(bytes, text, text + 1)}`, `is not UTF-8, at byte ${text} of the frame`);
  }

  private write(entry: Entry, fields: Fields, all: Uint8Array): Failure | undefined {
    const { part, field } = entry;
    const { type } = part.settings;
    if (type === "text" || type === "hex" || type === "bytes") {
      const bytes = this.written(entry, fields);
      if (bytes instanceof Failure) return bytes;
      all.set(bytes, part.at);
      return undefined;
    }
    const value = fields.get(field.name);
    const exact = field.toNumber(value);
    if (exact instanceof Failure) return exact;
    const rule = this.numbers.write(part, exact, all);
    return rule === undefined ? undefined : field.cannot(value ?? null, rule);
  }

  /** The bytes of a field that is not a number. Fewer bytes than its size are followed by zeros. */
  private written({ part, field }: Entry, fields: Fields): Uint8Array | readonly number[] | Failure {
    const { size } = part;
    const { type } = part.settings;
    if (type === "bytes") return bytesOfList(fields.get(field.name), size, field);
    const text = field.toText(fields.get(field.name));
    if (text instanceof Failure) return text;
    if (type === "hex") {
      const bytes = hexBytes(text);
      if (bytes !== undefined && (size === undefined || bytes.length === size)) return bytes;
      return field.cannot(text, `must be hexadecimal digits of ${size ?? "all"} bytes`);
    }
    const bytes = this.encoding === "latin1" ? exactLatin1Bytes(text) : utf8Bytes(text);
    if (bytes === undefined)
      return field.cannot(text, `has a character that the encoding ${this.encoding} does not have`);
    if (size !== undefined && bytes.length > size) {
      return field.cannot(text, `has ${bytes.length} bytes; it must have at most ${size}`);
    }
    return size !== undefined && bytes.includes(0)
      ? field.cannot(text, "must not contain NUL, which fills it up")
      : bytes;
  }
}

function bytesOfList(
  value: FieldValue | undefined,
  size: number | undefined,
  field: Field,
): readonly number[] | Failure {
  if (value === undefined) return field.missing();
  const isByte = (each: unknown): each is number => Number.isInteger(each) && Number(each) >= 0 && Number(each) <= 255;
  if (Array.isArray(value) && value.every(isByte) && (size === undefined || value.length === size)) return value;
  return field.cannot(value, `must be a list of ${size ?? "any number of"} integers from 0 to 255`);
}
