/** Bytes as hexadecimal digits. */

const PAIRS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Returns two lowercase digits for each byte from `start` to `end`. */
export function hex(bytes: Uint8Array, start = 0, end = bytes.length): string {
  let text = "";
  for (let at = start; at < end; at++) text += PAIRS[bytes[at] as number];
  return text;
}
