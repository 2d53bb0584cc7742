/** The format "csv": columns in the order of the fields, with quotation as in RFC 4180. */

import { wrongOption } from "@aiko/mqtt/options";
import type { FieldSettings } from "../configuration/configuration.js";
import { Failure } from "../failure.js";
import type { FieldValue } from "../pipeline/outcome.js";
import { shown } from "../text/shown.js";
import type { Decoder } from "./decoder.js";
import { Field } from "./field.js";

/** A line has exactly one column for each field. @param quote "" if nothing is quoted */
export function csvDecoder(separator: string, quote: string, settings: readonly FieldSettings[]): Decoder {
  if (separator === "") throw wrongOption("decode.separator", "must not be empty");
  if (quote.length > 1) throw wrongOption("decode.quote", `"${quote}" must be one character, or empty`);
  const quoteUnit = quote === "" ? -1 : quote.charCodeAt(0);
  const fields = settings.map((each) => new Field(each));
  return (text) => {
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
  };
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
