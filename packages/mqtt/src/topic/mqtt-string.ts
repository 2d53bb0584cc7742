/** The rules for every UTF-8 encoded string of MQTT, and how messages show such strings. */

import { utf8Length } from "../platform/text.js";

/** The most bytes of a UTF-8 encoded string, since its length has two bytes [MQTT-4.7.3-3]. */
const MAXIMUM_STRING_LENGTH = 65_535;

/** Returns the rule that `text` breaks, in words that follow its name; undefined if it breaks none. */
export function stringProblem(text: string): string | undefined {
  const nul = text.indexOf("\0");
  if (nul >= 0) return `must not contain U+0000, at character ${nul + 1} [MQTT-1.5.3-2]`;
  const length = utf8Length(text);
  if (length < 0) return "must be well-formed Unicode, without lone surrogates [MQTT-1.5.3-1]";
  if (length > MAXIMUM_STRING_LENGTH) return `takes ${length} bytes; the limit is ${MAXIMUM_STRING_LENGTH}`;
  return undefined;
}

const QUOTED = 80;

/** Cuts `text` to `most` characters and escapes control characters, so that it fits into a one-line message. */
export function quotable(text: string, most = QUOTED): string {
  let shown = "";
  for (let i = 0; i < text.length && i < most; i++) {
    const unit = text.charCodeAt(i);
    const control = unit < 0x20 || (unit >= 0x7f && unit < 0xa0);
    shown += control ? `\\u${unit.toString(16).padStart(4, "0")}` : text[i];
  }
  return text.length > most ? `${shown}…` : shown;
}
