/** The text of a configuration as bytes for a device, or as bytes that a device sends. Knows no format. */

import { latin1Bytes, utf8Bytes } from "./utf8.js";

/**
 * Encodes `text` as the source says. A character that Latin-1 does not have becomes "?". The encoding "hex" is one of frames: what is written for
 * devices is text. Returns undefined if UTF-8 does not have the text, because half of a surrogate pair is missing.
 */
export function encodedText(text: string, encoding: "utf8" | "latin1" | "hex"): Uint8Array | undefined {
  return encoding === "latin1" ? latin1Bytes(text) : utf8Bytes(text);
}
