/** Templates as values: which rule a template breaks, and which of its placeholders have no value. Does not fill them in for records. */

import { nearest } from "@aiko/mqtt/options";
import { topicNameProblem } from "@aiko/mqtt/topic";
import { type Kind, type Place, quoted, syntax } from "@aiko/mqtt-configuration";
import { parsePlaceholders, placeholderNames } from "../text/placeholders.js";

const MAXIMUM_LENGTH = 4096;
const BRACES =
  "has a brace outside a placeholder; a placeholder is {name}, with letters, digits, _ - and . in the name";
/** Fills in a template whose placeholders are all known. */
export function filled(template: string, values: Readonly<Record<string, string>>): string {
  const { first, rest } = parsePlaceholders(template);
  return first + rest.map(({ name, literal }) => (values[name] ?? "") + literal).join("");
}

/** Text that is sent to a device or published. */
export function template(label = "template"): Kind<string> {
  return syntax({
    label,
    rule: `must be a template of 1 to ${MAXIMUM_LENGTH} characters, such as "ok"`,
    read: (text) => (text === "" || text.length > MAXIMUM_LENGTH ? undefined : text),
  });
}

/** A template that makes a valid topic name, if its values are escaped. */
export function topicTemplate(): Kind<string> {
  return {
    ...template("topic template"),
    read(value, place) {
      const rule = `must be a topic of 1 to ${MAXIMUM_LENGTH} characters, such as "{gateway}/{source}/temperature"`;
      if (typeof value !== "string" || value === "" || value.length > MAXIMUM_LENGTH) return place.wrong(rule, value);
      const { first, rest } = parsePlaceholders(value);
      const example = first + rest.map(({ literal }) => `x${literal}`).join("");
      if (/[{}]/.test(example)) return place.broken(value, BRACES);
      const problem = topicNameProblem(example);
      return problem === undefined ? value : place.broken(value, problem);
    },
  };
}

/** The topic of a command: a level in braces stands for any level. */
export function commandTopic(): Kind<string> {
  const kind = topicTemplate();
  return {
    ...kind,
    label: "topic with levels in braces",
    read(value, place) {
      const read = kind.read(value, place);
      if (read === undefined) return undefined;
      const names = new Set<string>();
      for (const level of read.split("/")) {
        for (const name of placeholderNames(level)) {
          if (name === "gateway" || name === "source") continue;
          if (level !== `{${name}}`) return place.broken(read, `must have {${name}} as a whole level`);
          if (name === "value") return place.broken(read, "must not have {value}, which is the payload");
          if (names.has(name)) return place.broken(read, `must not have {${name}} twice`);
          names.add(name);
        }
      }
      return read;
    },
  };
}

/**
 * Reports each placeholder of a template that has no value.
 *
 * @param known the names that have a value; undefined if only some of them are known before the device sends something
 * @param own names that have a value in any case
 */
export function checkPlaceholders(
  template: string,
  known: ReadonlySet<string> | undefined,
  place: Place,
  own: readonly string[] = [],
): void {
  for (const name of new Set(placeholderNames(template))) {
    if (own.includes(name)) continue;
    const problem = placeholderProblem(name, known);
    if (problem !== undefined) place.problem(`${quoted(`{${name}}`)} ${problem}`);
  }
}

function placeholderProblem(name: string, known: ReadonlySet<string> | undefined): string | undefined {
  if (known?.has(name) === true) return undefined;
  if (name.startsWith("topic["))
    return "is a level of an MQTT topic, {topic[0]} to {topic[127]}; only sources of kind mqtt have it";
  if (name.includes(":")) return "has a type; types are written in fields only";
  if (known === undefined) return undefined;
  if (known.size === 0) return "is not defined; no placeholders are possible here";
  const near = nearest(name.slice(0, 100), known);
  const names = [...known].map((each) => `{${each}}`).join(" ");
  return `is not defined; ${near === undefined ? `defined are ${names}` : `did you mean {${near}}?`}`;
}

/** 1 to 64 characters, none of which has a meaning in a placeholder, in a short form or in a terminal. */
export function isFieldName(name: string): boolean {
  return /^[^\s{}[\]|:\p{Cc}]{1,64}$/u.test(name);
}
