/** What says how an answer is recognized: whether its placeholders have values, and whether its fields exist. */

import { nearest } from "@aiko/mqtt/options";
import { type Place, quoted } from "@aiko/mqtt-configuration";
import type { DecodeSettings } from "./configuration.js";
import { decodedNames } from "./decoded-names.js";
import type { MatchSettings } from "./request-settings.js";
import { checkPlaceholders } from "./template.js";

/**
 * @param placeholders those that have a value; undefined if a message may have others
 * @param decode how the answer becomes fields
 */
export function checkMatch(
  match: MatchSettings | undefined,
  placeholders: ReadonlySet<string> | undefined,
  decode: DecodeSettings,
  place: Place,
): void {
  if (match === undefined) return;
  if (typeof match === "string") {
    checkPlaceholders(match, placeholders, place);
    return;
  }
  const fields = decodedNames(decode);
  for (const [name, value] of Object.entries(match)) {
    if (fields?.includes(name) === false) reportField(name, fields, place.at(name));
    if (typeof value === "string") checkPlaceholders(value, placeholders, place.at(name));
  }
}

function reportField(name: string, fields: readonly string[], place: Place): void {
  const near = nearest(name.slice(0, 100), fields);
  const help = near === undefined ? `it has ${fields.join(", ")}` : `did you mean "${near}"?`;
  place.problem(`the answer has no field ${quoted(name)}; ${help}`);
}
