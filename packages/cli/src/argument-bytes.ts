/**
 * Arguments that are no UTF-8, as text that keeps their bytes: each that is part of no character is a lone surrogate, U+DC00 and its
 * value, which no text holds otherwise. Knows nothing of where arguments come from.
 */

const FIRST = 0xdc00;
const KEPT = /([\udc80-\udcff])/u;

const encoder = new TextEncoder();

/** The bytes as text. */
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

/** What such a text is as a payload: itself, or the bytes it keeps. */
export function payloadOf(text: string): string | Uint8Array {
  const parts = text.split(KEPT);
  if (parts.length === 1) return text;
  const bytes = parts.map((part, i) => (i % 2 === 0 ? encoder.encode(part) : [part.charCodeAt(0) - FIRST]));
  return Uint8Array.from(bytes.flatMap((some) => [...some]));
}
