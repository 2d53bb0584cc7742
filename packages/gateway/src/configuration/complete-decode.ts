/** The settings of a codec, from `decode` and the fields that are written outside it: which fields each format requires. Reports what does not fit. */

import { nearest } from "@aiko/mqtt/options";
import type { Place } from "@aiko/mqtt-configuration";
import { fieldsOfEnvelope, parseEnvelope } from "../codec/sexpr-envelope.js";
import type { BinaryLayout } from "./binary-layout.js";
import { type Cell, placeParts } from "./binary-parts.js";
import type { WrittenBytes } from "./bytes-format-fields.js";
import type { DecodeSettings, FieldSettings } from "./configuration.js";
import type { WrittenDecode } from "./decode-fields.js";
import type { FieldType } from "./field-types.js";
import { isColumn, type WrittenNmea } from "./nmea-fields.js";
import { fieldsOfTemplate, type WrittenText } from "./text-format-fields.js";
import { NO_SHAPE, plainWritten, settingsOf, type WrittenField, type WrittenPart } from "./value-fields.js";

/** Types that need bytes, or columns of their own. */
const BYTES_TYPES: readonly FieldType[] = ["bcd", "bits", "hex", "bytes"];
const NMEA_TYPES: readonly FieldType[] = ["nmea_lat", "nmea_lon"];

/** @param separate the fields that are written outside `decode` */
export function completeDecode(
  written: WrittenDecode,
  separate: readonly WrittenPart[] | undefined,
  place: Place,
): DecodeSettings | undefined {
  if (written.format === "nmea") {
    if (separate === undefined) return completeNmea(written, place.at("decode").at("sentences"));
    return place.at("fields").problem('is not possible for the format nmea; write the fields in "sentences"');
  }
  const { fields: inside } = written;
  const fieldsPlace = inside === undefined ? place.at("fields") : place.at("decode").at("fields");
  if (inside !== undefined && separate !== undefined) {
    return place.at("fields").problem("is written in decode too; remove one of them");
  }
  const given = inside ?? separate ?? [];
  switch (written.format) {
    case "binary":
    case "modbus":
      return completeBytes(written, given, fieldsPlace);
    default: {
      const plain = plainFields(given, written.format, fieldsPlace);
      return plain && completeOne(written, plain, fieldsPlace);
    }
  }
}

/** Reports what only bytes have. */
function plainFields(given: readonly WrittenPart[], format: string, place: Place): readonly WrittenField[] | undefined {
  const fields: WrittenField[] = [];
  for (const [i, part] of given.entries()) {
    const at = place.at(i);
    if ("constant" in part) return at.at("const").problem(`is possible for the format binary only, not ${format}`);
    const { type, size } = part;
    const isNmea = format === "nmea";
    if (type !== undefined && (BYTES_TYPES.includes(type) || (NMEA_TYPES.includes(type) && !isNmea))) {
      const needed = NMEA_TYPES.includes(type) ? "nmea" : "binary or modbus";
      return at.problem(`the type "${type}" requires the format ${needed}, not ${format}`);
    }
    if (size !== undefined) return at.problem(`a size in bytes requires the format binary or modbus, not ${format}`);
    for (const key of ["at", "endian"] as const) {
      if (part[key] !== undefined) return at.at(key).problem(`requires the format binary or modbus, not ${format}`);
    }
    fields.push(part);
  }
  return fields;
}

type WrittenPlain = WrittenText | (WrittenBytes & { readonly format: "hex" | "base64" });

function completeOne(written: WrittenPlain, given: readonly WrittenField[], place: Place): DecodeSettings | undefined {
  const { fields: _, ...format } = written;
  if (format.format === "csv" && given.length === 0) {
    return place.problem('is required if the format is csv; write fields = ["temp:f32", "node"]');
  }
  if (format.format === "raw" || format.format === "hex" || format.format === "base64") {
    const problem = oneFieldProblem(format.format, given);
    if (problem !== undefined) return place.problem(problem);
  }
  const allowed = allowedFields(format);
  for (const [i, { name }] of given.entries()) {
    if (allowed?.has(name) === false) {
      const near = nearest(name, allowed.keys());
      const help = near === undefined ? `it has ${[...allowed.keys()].join(", ")}` : `did you mean "${near}"?`;
      return place.at(i).problem(`the format has no field "${name}"; ${help}`);
    }
  }
  if (format.format === "text") return completeText(format, given, place);
  if (format.format === "sexpr") return completeSexpr(format.envelope, given);
  const otherwise = format.format === "json" ? "json" : "text";
  return { ...format, fields: given.map((field) => settingsOf(field, field.type ?? otherwise)) };
}

function oneFieldProblem(format: "raw" | "hex" | "base64", given: readonly WrittenField[]): string | undefined {
  if (given.length > 1) return `must have one element if the format is ${format}: the frame is one field`;
  const type = given[0]?.type ?? "text";
  return format === "raw" || type === "text" ? undefined : `must have the type "text" if the format is ${format}`;
}

/** Undefined: any. */
function allowedFields(format: Omit<WrittenPlain, "fields">): ReadonlyMap<string, unknown> | undefined {
  const written = format as WrittenPlain;
  switch (written.format) {
    case "json":
      return Object.keys(written.pick).length === 0 ? undefined : new Map(Object.entries(written.pick));
    case "text":
      return fieldsOfTemplate(written.template);
    case "sexpr": {
      const envelope = written.envelope === undefined ? undefined : parseEnvelope(written.envelope);
      if (envelope === undefined || envelope.isOpen) return undefined;
      return new Map(fieldsOfEnvelope(envelope).map((name) => [name, name]));
    }
    default:
      return undefined;
  }
}

function completeText(
  format: { readonly format: "text"; readonly template: string },
  given: readonly WrittenField[],
  place: Place,
): DecodeSettings | undefined {
  const complete: WrittenField[] = [];
  for (const [name, type] of fieldsOfTemplate(format.template)) {
    const field = given.find((each) => each.name === name) ?? plainWritten(name, { ...NO_SHAPE, type });
    if (type !== undefined && field.type !== undefined && field.type !== type) {
      return place.problem(`the type of "${name}" is ${field.type} here and ${type} in the template; write it once`);
    }
    complete.push({ ...field, type: type ?? field.type ?? "text" });
  }
  const plain = plainFields(complete, "text", place);
  return plain && { ...format, fields: plain.map((field) => settingsOf(field, field.type ?? "text")) };
}

/** The fields of the envelope are text, the others as they are. */
function completeSexpr(envelope: string | undefined, given: readonly WrittenField[]): DecodeSettings {
  const parsed = envelope === undefined ? undefined : parseEnvelope(envelope);
  const names = parsed === undefined ? [] : fieldsOfEnvelope(parsed);
  const typeOf = ({ name, type }: WrittenField) => type ?? (names.includes(name) ? "text" : "json");
  return {
    format: "sexpr",
    envelope,
    template: undefined,
    fields: given.map((field) => settingsOf(field, typeOf(field))),
  };
}

function completeNmea({ sentences }: WrittenNmea, place: Place): DecodeSettings | undefined {
  const complete: Record<string, readonly (FieldSettings | undefined)[]> = {};
  const all = new Map<string, FieldSettings>();
  for (const [type, written] of Object.entries(sentences)) {
    const columns: (FieldSettings | undefined)[] = [];
    if (plainFields(written.filter(isColumn), "nmea", place.at(type)) === undefined) return undefined;
    for (const column of written) {
      const settings = isColumn(column) ? settingsOf(column, column.type ?? "text") : undefined;
      columns.push(settings);
      if (settings !== undefined && !all.has(settings.name)) all.set(settings.name, settings);
    }
    complete[type] = columns;
  }
  return { format: "nmea", sentences: complete, fields: [...all.values()] };
}

/** The most registers or coils of a request, by function (Modbus Application Protocol 1.1b3, §6). */
const MOST: Readonly<Record<number, number>> = { 1: 2000, 2: 2000, 3: 125, 4: 125, 5: 1, 6: 1, 15: 1968, 16: 123 };
const COIL_FUNCTIONS: readonly number[] = [1, 2, 5, 15];

function completeBytes(
  written: WrittenBytes & { readonly format: "binary" | "modbus" },
  given: readonly WrittenPart[],
  place: Place,
): DecodeSettings | undefined {
  const { endian } = written;
  if (given.length === 0) {
    return place.problem(`is required if the format is ${written.format}; write fields = ["temp:i16", "hum:u16"]`);
  }
  const isModbus = written.format === "modbus";
  const cell: Cell = !isModbus ? "byte" : COIL_FUNCTIONS.includes(written.function) ? "coil" : "register";
  const layout = placeParts(given, cell, endian, place);
  if (layout === undefined) return undefined;
  const fields = layout.parts.map(({ settings }) => settings);
  if (!isModbus) return { format: "binary", layout, fields };
  const { unit, function: code, address } = written;
  const count = cell === "coil" ? coilsOf(layout) : layout.length / 2;
  const most = MOST[code] ?? 0;
  if (count > most) {
    const what = `${count} ${cell}${count === 1 ? "" : "s"}`;
    return place.problem(`the fields have ${what}, but function ${code} has at most ${most}; use another function`);
  }
  if (address + count > 65_536) return place.problem(`the fields need addresses beyond 65535`);
  return { format: "modbus", unit, function: code, address, count, layout, fields };
}

function coilsOf({ parts }: BinaryLayout): number {
  return Math.max(...parts.map(({ at, bits }) => at * 8 + (bits?.from ?? 0) + 1));
}
