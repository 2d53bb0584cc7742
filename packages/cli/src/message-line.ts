import type { Message } from "@aiko/mqtt";

/** `Topic: T, message: 'P'`, as the Lua commands print it; the payload's bytes are passed on as they are. */
export function messageLine({ topic, payload }: Message): Uint8Array {
  return Buffer.concat([Buffer.from(`Topic: ${topic}, message: '`), payload, Buffer.from("'\n")]);
}
