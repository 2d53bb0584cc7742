/** The format "csv": columns in the order of the fields, with quotation as in RFC 4180, in one line. */

import { wrongOption } from "@aiko/mqtt/options";
import type { FieldSettings } from "../configuration/configuration.js";
import { Failure } from "../failure.js";
import type { FieldValue } from "../pipeline/outcome.js";
import { shown } from "../text/shown.js";
import { hasControl } from "./control.js";
import { Field } from "./field.js";
import { oneWayOf, type TextFormat } from "./format.js";

/** A line has exactly one column for each field. @param quote "" if nothing is quoted */
export function csvFormat(separator: string, quote: string, settings: readonly FieldSettings[]): TextFormat {
  if (separator === "") throw wrongOption("decode.separator", "must not be empty");
  if (quote.length > 1) throw wrongOption("decode.quote", `"${quote}" must be one character, or empty`);
  const fields = settings.map((each) => new Field(each));
  return {
    reads: "text",
    oneWay: oneWayOf(fields),
    decode: (text) => decoded(text, separator, quote, fields),
    encode(values) {
      const columns: string[] = [];
      for (const field of fields) {
        const value = field.toText(values.get(field.name));
        const column = value instanceof Failure ? value : encoded(value, separator, quote, field);
        if (column instanceof Failure) return column;
        columns.push(column);
      }
      return columns.join(separator);
    },
  };
}

function decoded(
  text: string,
  separator: string,
  quote: string,
  fields: readonly Field[],
): Map<string, FieldValue> | Failure {
  const quoteUnit = quote === "" ? -1 : quote.charCodeAt(0);
  const found = new Map<string, FieldValue>();
  let at = 0;
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index] as Field;
    if (at > text.length) return wrongCount(index, fields.length);
    let column: string;
    if (text.charCodeAt(at) === quoteUnit) {
      const end = endOfQuoted(text, at + 1, quote);
      if (end < 0) return new Failure("decode", `column ${index + 1}: the quotation has no end`);
      column = text.slice(at + 1, end).replaceAll(quote + quote, quote);
      at = end + 1;
      if (at < text.length && !text.startsWith(separator, at)) {
        const rest = shown(text.slice(at));
        return new Failure("decode", `column ${index + 1}: ${rest} must not follow the end of the quotation`);
      }
    } else {
      const next = text.indexOf(separator, at);
      const end = next < 0 ? text.length : next;
      column = text.slice(at, end);
      at = end;
    }
    at = at === text.length ? at + 1 : at + separator.length;
    const value = field.fromText(column);
    if (value instanceof Failure) return value;
    found.set(field.name, value);
  }
  return at <= text.length ? wrongCount(fields.length + 1, fields.length, " or more") : found;
}

/** A column that ends where `decoded` ends it. An end of line is refused also in quotation: it ends the frame for most devices. */
function encoded(text: string, separator: string, quote: string, field: Field): string | Failure {
  if (hasControl(text, separator)) return field.cannot(text, "must not contain control characters");
  const breaksOut = (text + separator).indexOf(separator) < text.length || (quote !== "" && text.startsWith(quote));
  if (!breaksOut) return text;
  if (quote === "") return field.cannot(text, `must not contain the separator ${shown(separator)}`);
  return quote + text.replaceAll(quote, quote + quote) + quote;
}

/** Returns the offset of the quote that ends the quotation, or -1 if it does not end. A doubled quote stands for one. */
function endOfQuoted(text: string, from: number, quote: string): number {
  let at = text.indexOf(quote, from);
  while (at >= 0 && text.startsWith(quote, at + 1)) at = text.indexOf(quote, at + 2);
  return at;
}

function wrongCount(found: number, expected: number, more = ""): Failure {
  return new Failure(
    "decode",
    `CSV: the line has ${found}${more} ${found === 1 ? "column" : "columns"}, but the configuration has ${expected} fields`,
  );
}
