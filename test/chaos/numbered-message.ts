// The messages of a chaos run: each has a number, which determines its topic and its length.
import { Buffer } from "node:buffer";

const TOPICS = 5;
export const FILTER = "chaos/+";

export function topicOf(number: number): string {
  return `chaos/${number % TOPICS}`;
}

/** The number, followed by a filler that makes some packets longer than others. */
export function payloadOf(number: number): string {
  const length = number % 97 === 0 ? 5_000 : (number * 7) % 61;
  return `#${number};${".".repeat(length)}`;
}

/** The number in a payload, or in a stored record with a payload; 0 if there is none. */
export function numberIn(bytes: Uint8Array): number {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 200)).toString("latin1");
  return Number(/#(\d+);/.exec(text)?.[1] ?? 0);
}
