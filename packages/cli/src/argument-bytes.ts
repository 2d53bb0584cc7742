/**
 * Arguments that are not valid UTF-8, as text that preserves their bytes. Each byte that does not belong to a character
 * becomes a lone surrogate: U+DC00 plus its value, which valid text never contains. Knows nothing of where arguments
 * come from.
 */

const FIRST = 0xdc00;
const KEPT = /([\udc80-\udcff])/u;

const encoder = new TextEncoder();

/** Returns the bytes as text. */
export function textOfBytes(bytes: Uint8Array): string {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at] as number;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    try {
      text += decoder.decode(bytes.subarray(at, at + length));
      at += length;
    } catch {
      text += String.fromCharCode(FIRST + lead);
      at++;
    }
  }
  return text;
}

/** Returns such a text as a payload: the text itself, or the bytes that it preserves. */
export function payloadOf(text: string): string | Uint8Array {
  const parts = text.split(KEPT);
  if (parts.length === 1) return text;
  const bytes = parts.map((part, i) => (i % 2 === 0 ? encoder.encode(part) : [part.charCodeAt(0) - FIRST]));
  return Uint8Array.from(bytes.flatMap((some) => [...some]));
}
