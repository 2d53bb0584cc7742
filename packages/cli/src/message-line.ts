/** A message as a line of standard output. */

import type { Message } from "@aiko/mqtt";
import { escapedBytes } from "./escaped-bytes.js";

const encoder = new TextEncoder();
const BEGIN = encoder.encode("Topic: ");
const MIDDLE = encoder.encode(", message: '");
const END = encoder.encode("'\n");

/**
 * Returns `Topic: T, message: 'P'`, as the Lua commands print it. Topic and payload are passed on unchanged, except to
 * a terminal: control characters could control it, so they are shown as `\xNN`. Tabs and line feeds in a payload are
 * kept.
 */
export function messageLine({ topic, payload }: Message, forScreen: boolean): Uint8Array {
  const name = encoder.encode(topic);
  const parts = forScreen
    ? [BEGIN, escapedBytes(name, false), MIDDLE, escapedBytes(payload, true), END]
    : [BEGIN, name, MIDDLE, payload, END];
  const line = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    line.set(part, at);
    at += part.length;
  }
  return line;
}
