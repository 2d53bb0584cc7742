/**
 * The format "nmea": sentences of NMEA 0183, `$GPRMC,123519,A,…*6A`. The talker and the type of the sentence are fields. A checksum that is there must
 * be right.
 */

import type { FieldSettings } from "../configuration/configuration.js";
import { plainField } from "../configuration/field-types.js";
import { Failure } from "../failure.js";
import type { Fields, FieldValue } from "../pipeline/outcome.js";
import { shown } from "../text/shown.js";
import { Field } from "./field.js";
import { oneWayOf, type TextFormat } from "./format.js";
import { columnsOf, degreesOf, isCoordinate } from "./nmea-coordinate.js";

/** The fields of a sentence, in the order of its columns. Undefined: the column is skipped. A latitude or longitude has two columns. */
export type NmeaSentence = readonly (FieldSettings | undefined)[];

interface Column {
  readonly field: Field;
  readonly type: FieldSettings["type"];
}

const TALKER = new Field(plainField("talker", "text"));
const SENTENCE = new Field(plainField("sentence", "text"));
/** The talker of sentences that belong to a manufacturer. */
const PROPRIETARY = "P";
/** Sentences that begin with "!", because they have data of another form (AIS). */
const ENCAPSULATED: ReadonlySet<string> = new Set(["VDM", "VDO"]);
/** Characters with a meaning of their own in a sentence. */
const RESERVED = "$*,!\\^~";

export function nmeaFormat(settings: Readonly<Record<string, NmeaSentence>>): TextFormat {
  const sentences = new Map(
    Object.entries(settings).map(([type, fields]) => [
      type,
      fields.map((field) => field && { field: new Field(field), type: field.type }),
    ]),
  );
  const columns = [...sentences.values()].flat().filter((column) => column !== undefined);
  return {
    reads: "text",
    oneWay: oneWayOf(columns.map(({ field }) => field)),
    decode(text) {
      const body = bodyOf(text);
      if (body instanceof Failure) return body;
      const [address = "", ...words] = body.split(",");
      const cut = address.startsWith(PROPRIETARY) ? 1 : 2;
      const talker = address.slice(0, cut);
      const type = address.slice(cut);
      const sentence = sentences.get(type);
      if (sentence !== undefined) return decoded(talker, type, sentence, words);
      return new Failure("filtered", `NMEA: the sentence ${shown(type)} is not in decode.sentences`);
    },
    encode(fields) {
      const talker = TALKER.toText(fields.get("talker"));
      if (talker instanceof Failure) return talker;
      const type = SENTENCE.toText(fields.get("sentence"));
      if (type instanceof Failure) return type;
      const sentence = sentences.get(type);
      if (sentence === undefined) return SENTENCE.cannot(type, "must be one of decode.sentences");
      if (!isTalker(talker))
        return TALKER.cannot(talker, `must be ${PROPRIETARY}, or two letters of which the first is not`);
      return encoded(`${talker}${type}`, sentence, fields, ENCAPSULATED.has(type) ? "!" : "$");
    },
  };
}

/** Returns what is between the first character and the checksum. */
function bodyOf(text: string): string | Failure {
  if (!text.startsWith("$") && !text.startsWith("!")) {
    return new Failure("decode", `NMEA: ${shown(text.slice(0, 12))} must begin with "$" or "!"`);
  }
  const star = text.indexOf("*");
  const end = star < 0 ? text.length : star;
  for (let i = 0; i < end; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e) return new Failure("decode", `NMEA: character ${i + 1} is not printable ASCII`);
  }
  const body = text.slice(1, end);
  if (star < 0) return body;
  const given = text.slice(star + 1);
  if (given.toUpperCase() === checksum(body)) return body;
  return new Failure(
    "decode",
    `NMEA: the checksum is ${shown(given)}, but that of the sentence is "${checksum(body)}"`,
  );
}

function decoded(
  talker: string,
  type: string,
  sentence: readonly (Column | undefined)[],
  words: readonly string[],
): Map<string, FieldValue> | Failure {
  const found = new Map<string, FieldValue>([
    ["talker", talker],
    ["sentence", type],
  ]);
  let at = 0;
  for (const column of sentence) {
    const width = column !== undefined && isCoordinate(column.type) ? 2 : 1;
    if (at + width > words.length) {
      return new Failure(
        "decode",
        `NMEA: ${type} has ${words.length} columns, which end before those of the configuration`,
      );
    }
    const word = words[at] as string;
    // A column without a value is a field without one.
    if (column !== undefined && word !== "") {
      const value = width === 2 ? coordinate(column, word, words[at + 1] as string) : column.field.fromText(word);
      if (value instanceof Failure) return value;
      found.set(column.field.name, value);
    }
    at += width;
  }
  return found;
}

function coordinate({ field, type }: Column, word: string, letter: string): FieldValue | Failure {
  const degrees = degreesOf(type, word, letter);
  return typeof degrees === "number" ? field.fromNumber(degrees) : field.wrong(shown(word), degrees);
}

function encoded(
  address: string,
  sentence: readonly (Column | undefined)[],
  fields: Fields,
  first: string,
): string | Failure {
  const words = [address];
  for (const column of sentence) {
    const value = column && fields.get(column.field.name);
    const width = column !== undefined && isCoordinate(column.type) ? 2 : 1;
    if (column === undefined || value === undefined || value === null) {
      words.push(...new Array<string>(width).fill(""));
      continue;
    }
    const written = width === 2 ? writtenCoordinate(column, value) : writtenWord(column, value);
    if (written instanceof Failure) return written;
    words.push(...written);
  }
  const body = words.join(",");
  return `${first}${body}*${checksum(body)}`;
}

function writtenCoordinate({ field, type }: Column, value: FieldValue): readonly string[] | Failure {
  const degrees = field.toNumber(value);
  if (degrees instanceof Failure) return degrees;
  const columns = columnsOf(type, Number(degrees));
  return typeof columns === "string" ? field.cannot(value, columns) : columns;
}

function writtenWord({ field }: Column, value: FieldValue): readonly string[] | Failure {
  const word = field.toText(value);
  if (word instanceof Failure) return word;
  if (word === "") return field.cannot(value, "must not be empty, which stands for no value");
  for (let i = 0; i < word.length; i++) {
    const unit = word.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e || RESERVED.includes(word.charAt(i))) {
      return field.cannot(value, `must be printable ASCII without ${[...RESERVED].join(" ")}`);
    }
  }
  return [word];
}

function isTalker(talker: string): boolean {
  if (talker === PROPRIETARY) return true;
  const isLetter = (unit: number) => (unit >= 0x41 && unit <= 0x5a) || (unit >= 0x30 && unit <= 0x39);
  return talker.length === 2 && talker[0] !== PROPRIETARY && [...talker].every((each) => isLetter(each.charCodeAt(0)));
}

/** The exclusive or of all characters, as two uppercase digits. */
function checksum(body: string): string {
  let sum = 0;
  for (let i = 0; i < body.length; i++) sum ^= body.charCodeAt(i);
  return sum.toString(16).toUpperCase().padStart(2, "0");
}
