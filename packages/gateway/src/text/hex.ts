/** Bytes as hexadecimal digits. */

const PAIRS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Returns two lowercase digits for each byte from `start` to `end`. */
export function hex(bytes: Uint8Array, start = 0, end = bytes.length): string {
  let text = "";
  for (let at = start; at < end; at++) text += PAIRS[bytes[at] as number];
  return text;
}

/** Returns the bytes that pairs of digits are. Undefined if there are other characters, or half a pair. */
export function bytesOfHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    const byte = PAIRS.indexOf(text.slice(2 * i, 2 * i + 2).toLowerCase());
    if (byte < 0) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}
