/**
 * Text and bytes: strict UTF-8 and Latin-1 (RFC 3629 and ISO 8859-1, each byte one character). Pure ECMAScript, because small engines have no
 * TextEncoder. Knows nothing of frames.
 */

/** The most char codes passed to one call of `String.fromCharCode`: well below every engine's limit of arguments. */
const CHUNK = 4096;

/** Decodes the UTF-8 in `bytes` from `start` to `end`. Returns the offset of the first ill-formed sequence if there is one. */
export function readUtf8(bytes: Uint8Array, start: number, end: number): string | number {
  let at = start;
  while (at < end && (bytes[at] as number) < 0x80) at++;
  if (at === end) return readLatin1(bytes, start, end);
  let text = readLatin1(bytes, start, at);
  let units: number[] = [];
  while (at < end) {
    const lead = bytes[at] as number;
    const size = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (size === 0 || at + size > end) return at;
    let point = size === 1 ? lead : lead & (0xff >> (size + 1));
    // The range of the second byte excludes overlong forms, surrogates and code points above U+10FFFF.
    let low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    let high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    for (let k = 1; k < size; k++) {
      const next = bytes[at + k] as number;
      if (next < low || next > high) return at;
      point = (point << 6) | (next & 0x3f);
      low = 0x80;
      high = 0xbf;
    }
    if (point < 0x1_0000) units.push(point);
    else units.push(0xd800 + ((point - 0x1_0000) >> 10), 0xdc00 + ((point - 0x1_0000) & 0x3ff));
    at += size;
    if (units.length >= CHUNK) {
      text += String.fromCharCode.apply(null, units);
      units = [];
    }
  }
  return text + String.fromCharCode.apply(null, units);
}

/** Decodes each byte from `start` to `end` as one character. */
export function readLatin1(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= CHUNK) {
    return String.fromCharCode.apply(null, bytes.subarray(start, end) as unknown as number[]);
  }
  let text = "";
  for (let at = start; at < end; at += CHUNK) text += readLatin1(bytes, at, Math.min(end, at + CHUNK));
  return text;
}

/** Returns the number of bytes of `text` as UTF-8, or -1 if it contains a lone surrogate, which UTF-8 cannot encode. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) {
      length += 1;
    } else if (unit < 0xd800 || unit > 0xdfff) {
      length += 2;
    } else {
      const low = i + 1 < text.length ? text.charCodeAt(i + 1) : 0;
      if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff) return -1;
      length += 2; // two units, four bytes
      i++;
    }
  }
  return length;
}

/** Encodes `text` as UTF-8. Returns undefined if it contains a lone surrogate. */
export function utf8Bytes(text: string): Uint8Array | undefined {
  const length = utf8Length(text);
  if (length < 0) return undefined;
  const bytes = new Uint8Array(length);
  if (length === text.length) {
    for (let i = 0; i < length; i++) bytes[i] = text.charCodeAt(i);
    return bytes;
  }
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) {
      bytes[at++] = unit;
    } else if (unit < 0x800) {
      bytes[at++] = 0xc0 | (unit >> 6);
      bytes[at++] = 0x80 | (unit & 0x3f);
    } else if (unit < 0xd800 || unit > 0xdfff) {
      bytes[at++] = 0xe0 | (unit >> 12);
      bytes[at++] = 0x80 | ((unit >> 6) & 0x3f);
      bytes[at++] = 0x80 | (unit & 0x3f);
    } else {
      const point = 0x1_0000 + ((unit & 0x3ff) << 10) + (text.charCodeAt(++i) & 0x3ff);
      bytes[at++] = 0xf0 | (point >> 18);
      bytes[at++] = 0x80 | ((point >> 12) & 0x3f);
      bytes[at++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[at++] = 0x80 | (point & 0x3f);
    }
  }
  return bytes;
}

/** Encodes `text` as Latin-1. A character that Latin-1 does not have becomes "?". */
export function latin1Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    bytes[i] = unit < 0x100 ? unit : 0x3f;
  }
  return bytes;
}
