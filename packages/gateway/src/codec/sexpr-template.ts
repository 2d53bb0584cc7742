/** Templates of S-expressions, `(relay {value});`: what is sent to a device. A value can neither end its list nor begin another. */

import { Failure } from "../failure.js";
import type { Fields } from "../pipeline/outcome.js";
import { parsePlaceholders } from "../text/placeholders.js";
import { hasControl } from "./control.js";
import type { Field } from "./field.js";
import { escapedString, isDelimiter, isPlainAtom } from "./sexpr-text.js";
import { atomOf, CONTROL } from "./sexpr-value.js";

interface Step {
  readonly field: Field;
  /** How the value stands in the text: in a string of the template, as an atom of its own, or as a part of one. */
  readonly stands: "in-string" | "alone" | "in-atom";
  readonly literal: string;
}

export class SexprTemplate {
  readonly fields: readonly Field[];
  private readonly first: string;
  private readonly steps: readonly Step[];

  constructor(template: string, fieldOf: (name: string) => Field) {
    const { first, rest } = parsePlaceholders(template);
    let isString = isInString(first, false);
    let before = first;
    this.first = first;
    this.steps = rest.map(({ name, literal }, index) => {
      const isFree = isDelimiter(before.charCodeAt(before.length - 1)) && (before !== "" || index === 0);
      const isEnd = literal === "" ? index === rest.length - 1 : isDelimiter(literal.charCodeAt(0));
      const stands = isString ? "in-string" : isFree && isEnd ? "alone" : "in-atom";
      isString = isInString(literal, isString);
      before = literal;
      return { field: fieldOf(name), stands, literal };
    });
    this.fields = this.steps.map(({ field }) => field);
  }

  fill(fields: Fields): string | Failure {
    let text = this.first;
    for (const { field, stands, literal } of this.steps) {
      const value = field.toText(fields.get(field.name));
      if (value instanceof Failure) return value;
      if (hasControl(value)) return field.cannot(value, CONTROL);
      if (stands === "in-atom" && !isPlainAtom(value)) {
        return field.cannot(
          value,
          "must be a part of an atom, without blanks, parentheses, quotation marks and semicolons",
        );
      }
      text += stands === "in-string" ? escapedString(value) : stands === "alone" ? atomOf(value) : value;
      text += literal;
    }
    return text;
  }
}

/** Whether a string is open after the text. @param isOpen whether one was open before */
function isInString(text: string, isOpen: boolean): boolean {
  let isString = isOpen;
  for (let i = 0; i < text.length; i++) {
    if (isString && text[i] === "\\") i++;
    else if (text[i] === '"') isString = !isString;
  }
  return isString;
}
