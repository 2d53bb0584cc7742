/** A message as a line of standard output. */

import type { Message } from "@aiko/mqtt";
import { withoutControls } from "./terminal.js";

const encoder = new TextEncoder();
const END = encoder.encode("'\n");

/**
 * `Topic: T, message: 'P'`, as the Lua commands print it; the payload's bytes are passed on as they are. A topic is on one line: control
 * characters in it, which could forge another message or command the terminal, are U+FFFD.
 */
export function messageLine({ topic, payload }: Message): Uint8Array {
  const begin = encoder.encode(`Topic: ${withoutControls(topic)}, message: '`);
  const line = new Uint8Array(begin.length + payload.length + END.length);
  line.set(begin);
  line.set(payload, begin.length);
  line.set(END, begin.length + payload.length);
  return line;
}
