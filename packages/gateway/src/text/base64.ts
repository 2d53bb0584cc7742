/** Bytes as base64 with padding (RFC 4648 §4), because small engines have no `atob`. */

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES: ReadonlyMap<string, number> = new Map([...DIGITS].map((digit, value) => [digit, value]));

export function base64(bytes: Uint8Array): string {
  const at = (offset: number): number => bytes[offset] ?? 0;
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const group = (at(i) << 16) | (at(i + 1) << 8) | at(i + 2);
    text += DIGITS.charAt(group >> 18) + DIGITS.charAt((group >> 12) & 63);
    text += i + 1 < bytes.length ? DIGITS.charAt((group >> 6) & 63) : "=";
    text += i + 2 < bytes.length ? DIGITS.charAt(group & 63) : "=";
  }
  return text;
}

/** Returns undefined if the text is not base64, or has bits that no byte has. */
export function base64Bytes(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let bits = 0;
  let held = 0;
  let to = 0;
  for (let i = 0; i < text.length - padding; i++) {
    const value = VALUES.get(text.charAt(i));
    if (value === undefined) return undefined;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[to++] = held >> bits;
    }
  }
  return (held & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}
