/**
 * Templates: text with `{name}` for a value, `{{` for "{" and `}}` for "}". Says which placeholders a template has and which rule it breaks.
 * Does not fill them in.
 */

import { nearest } from "@aiko/mqtt/options";
import { topicNameProblem } from "@aiko/mqtt/topic";
import { type Kind, syntax } from "./kind.js";
import { type Place, quoted } from "./place.js";

/** A placeholder's content, or literal text. */
export type TemplatePart = { readonly placeholder: string } | { readonly literal: string };

const MAXIMUM_LENGTH = 4096;

/** Splits a template. Returns the rule that it breaks as a string. */
export function templateParts(text: string): readonly TemplatePart[] | string {
  const parts: TemplatePart[] = [];
  let literal = "";
  for (let i = 0; i < text.length; i++) {
    const character = text[i] ?? "";
    if (character !== "{" && character !== "}") {
      literal += character;
    } else if (text[i + 1] === character) {
      literal += character;
      i++;
    } else if (character === "}") {
      return 'has a "}" without its "{"; write "}}" for the character itself';
    } else {
      const end = text.indexOf("}", i);
      const placeholder = text.slice(i + 1, end);
      if (end < 0 || placeholder.includes("{")) return 'has a "{" without its "}"; write "{{" for the character itself';
      if (literal !== "") parts.push({ literal });
      parts.push({ placeholder });
      literal = "";
      i = end;
    }
  }
  if (literal !== "") parts.push({ literal });
  return parts;
}

export function placeholdersOf(template: string): readonly string[] {
  const parts = templateParts(template);
  return typeof parts === "string" ? [] : parts.flatMap((part) => ("placeholder" in part ? [part.placeholder] : []));
}

/** Fills in a template whose placeholders are all known. */
export function filled(template: string, values: Readonly<Record<string, string>>): string {
  const parts = templateParts(template);
  if (typeof parts === "string") return template;
  return parts.map((part) => ("literal" in part ? part.literal : (values[part.placeholder] ?? ""))).join("");
}

/** Text that is sent to a device or published. */
export function template(label = "template"): Kind<string> {
  return syntax({
    label,
    rule: `must be a template of 1 to ${MAXIMUM_LENGTH} characters, such as "ok {n}"`,
    read(text, place) {
      if (text === "" || text.length > MAXIMUM_LENGTH) return undefined;
      const parts = templateParts(text);
      return typeof parts === "string" ? place.broken(text, parts) : text;
    },
  });
}

/** A template that makes a valid topic name, if its values are escaped. */
export function topicTemplate(): Kind<string> {
  return {
    ...template("topic template"),
    read(value, place) {
      const rule = `must be a topic of 1 to ${MAXIMUM_LENGTH} characters, such as "{gateway}/{source}/temperature"`;
      if (typeof value !== "string" || value === "" || value.length > MAXIMUM_LENGTH) return place.wrong(rule, value);
      const parts = templateParts(value);
      if (typeof parts === "string") return place.broken(value, parts);
      const example = parts.map((part) => ("literal" in part ? part.literal : "x")).join("");
      const problem = topicNameProblem(example);
      return problem === undefined ? value : place.broken(value, problem);
    },
  };
}

/**
 * Reports each placeholder of a template that has no value.
 *
 * @param known the names that have a value; undefined if only some of them are known before the device sends something
 */
export function checkPlaceholders(template: string, known: ReadonlySet<string> | undefined, place: Place): void {
  for (const name of new Set(placeholdersOf(template))) {
    const problem = placeholderProblem(name, known);
    if (problem !== undefined) place.problem(`${quoted(`{${name}}`)} ${problem}`);
  }
}

function placeholderProblem(name: string, known: ReadonlySet<string> | undefined): string | undefined {
  if (name === "") return "has no name; write {name}";
  if (/^topic(\[|$)/.test(name) && known?.has(name) !== true) {
    return "belongs to sources of kind mqtt, which this version of the gateway does not support";
  }
  if (!isFieldName(name)) return "is not a placeholder; write the name of a field, without spaces, | : [ and ]";
  if (known === undefined || known.has(name)) return undefined;
  const near = nearest(name.slice(0, 100), known);
  const names = [...known].map((each) => `{${each}}`).join(" ");
  return `is not defined; ${near === undefined ? `defined are ${names}` : `did you mean {${near}}?`}`;
}

/** 1 to 64 characters, none of which has a meaning in a placeholder, in a short form or in a terminal. */
export function isFieldName(name: string): boolean {
  return /^[^\s{}[\]|:\p{Cc}]{1,64}$/u.test(name);
}
