/** Fields as the text of a JSON object. Faster than JSON.stringify for the short, plain values that devices send. */

import type { FieldValue } from "../pipeline/outcome.js";

/** The longest text that is looked at before it is left to JSON.stringify. */
const SHORT = 256;

/** @param time what is added as "time" */
export function jsonObject(fields: ReadonlyMap<string, FieldValue>, time: string | number | undefined): string {
  let text = "";
  let before = "{";
  for (const [name, value] of fields) {
    text += `${before}${quoted(name)}:${jsonValue(value)}`;
    before = ",";
  }
  if (time !== undefined) text += `${before}"time":${jsonValue(time)}`;
  return text === "" ? "{}" : `${text}}`;
}

function jsonValue(value: FieldValue): string {
  if (typeof value === "number") return String(value);
  return typeof value === "string" ? quoted(value) : JSON.stringify(value);
}

function quoted(text: string): string {
  if (text.length > SHORT) return JSON.stringify(text);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e || unit === 0x22 || unit === 0x5c) return JSON.stringify(text);
  }
  return `"${text}"`;
}
