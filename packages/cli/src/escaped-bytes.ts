/**
 * Prepares received text for a terminal: control characters are shown instead of controlling the terminal. Knows
 * nothing of messages.
 */

const TAB = 0x09;
const LINE_FEED = 0x0a;

/**
 * The allowed range of a character's second byte, by the first byte, where it is narrower than for other continuation
 * bytes [Unicode, table 3-7].
 */
const secondBytes: Readonly<Record<number, readonly [least: number, most: number]>> = {
  194: [0xa0, 0xbf], // lower values are the control characters U+0080 to U+009F
  224: [0xa0, 0xbf],
  237: [0x80, 0x9f],
  240: [0x90, 0xbf],
  244: [0x80, 0x8f],
};

/**
 * Replaces each byte of a control character, and each byte that is not valid UTF-8, with `\xNN`. Returns the same array
 * if nothing is replaced.
 *
 * @param keepsLines whether to keep tabs and line feeds
 */
export function escapedBytes(bytes: Uint8Array, keepsLines: boolean): Uint8Array {
  let escapes = 0;
  walk(bytes, keepsLines, () => escapes++);
  if (escapes === 0) return bytes;
  const escaped = new Uint8Array(bytes.length + 3 * escapes);
  let from = 0;
  let to = 0;
  walk(bytes, keepsLines, (at) => {
    escaped.set(bytes.subarray(from, at), to);
    to += at - from;
    const digits = (bytes[at] as number).toString(16).padStart(2, "0");
    for (const character of `\\x${digits}`) escaped[to++] = character.charCodeAt(0);
    from = at + 1;
  });
  escaped.set(bytes.subarray(from), to);
  return escaped;
}

/** Calls `harmful` with the offset of each byte that must not reach the terminal. */
function walk(bytes: Uint8Array, keepsLines: boolean, harmful: (at: number) => void): void {
  for (let at = 0; at < bytes.length; ) {
    const length = printableLength(bytes, at, keepsLines);
    if (length === 0) harmful(at);
    at += length || 1;
  }
}

/** Returns the number of bytes of the character at this offset; 0 if it is a control character or not UTF-8. */
function printableLength(bytes: Uint8Array, at: number, keepsLines: boolean): number {
  const lead = bytes[at] as number;
  if (lead < 0x20) return keepsLines && (lead === TAB || lead === LINE_FEED) ? 1 : 0;
  if (lead < 0x80) return lead === 0x7f ? 0 : 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  const [least, most] = secondBytes[lead] ?? [0x80, 0xbf];
  for (let i = 1; i < length; i++) {
    const byte = bytes[at + i] ?? 0;
    if (byte < (i === 1 ? least : 0x80) || byte > (i === 1 ? most : 0xbf)) return 0;
  }
  return length;
}
