/**
 * Strict UTF-8: what RFC 3629 forbids (overlong forms, surrogates, code points above U+10FFFF) is rejected in both
 * directions. Pure ECMAScript, because small engines have no TextEncoder. A leading U+FEFF is an ordinary character
 * [MQTT-1.5.3-3].
 */

/** Returns the number of bytes of `text` as UTF-8, or -1 if it contains a lone surrogate, which UTF-8 cannot encode. */
export function utf8Length(text: string): number {
  const units = text.length;
  let length = units;
  for (let i = 0; i < units; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) {
      length += 1;
    } else if (unit < 0xd800 || unit > 0xdfff) {
      length += 2;
    } else {
      const low = i + 1 < units ? text.charCodeAt(i + 1) : 0;
      if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff) return -1;
      length += 2; // two units, four bytes
      i++;
    }
  }
  return length;
}

/** Writes `text`, which must be well-formed, at `offset`. Returns the offset after it. */
export function writeUtf8(text: string, bytes: Uint8Array, offset: number): number {
  let at = offset;
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
      const point = 0x10000 + ((unit & 0x3ff) << 10) + (text.charCodeAt(++i) & 0x3ff);
      bytes[at++] = 0xf0 | (point >> 18);
      bytes[at++] = 0x80 | ((point >> 12) & 0x3f);
      bytes[at++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[at++] = 0x80 | (point & 0x3f);
    }
  }
  return at;
}

/** Encodes `text`, which must be well-formed, as UTF-8. */
export function utf8Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(utf8Length(text));
  writeUtf8(text, bytes, 0);
  return bytes;
}

/** The most char codes passed to one call of `String.fromCharCode`: well below every engine's limit of arguments. */
const CHUNK = 4096;

/** Decodes the UTF-8 in `bytes` from `start` to `end`. Returns undefined if it is ill-formed. */
export function readUtf8(bytes: Uint8Array, start: number, end: number): string | undefined {
  let i = start;
  while (i < end && (bytes[i] as number) < 0x80) i++;
  if (i === end) return readAscii(bytes, start, end);
  return readMultiByte(bytes, start, end, false);
}

function readAscii(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= CHUNK) {
    return String.fromCharCode.apply(null, bytes.subarray(start, end) as unknown as number[]);
  }
  let text = "";
  for (let at = start; at < end; at += CHUNK) text += readAscii(bytes, at, Math.min(end, at + CHUNK));
  return text;
}

const REPLACEMENT = 0xfffd;

/**
 * Decodes all of `bytes` like `readUtf8`, but replaces each ill-formed part with U+FFFD, as the WHATWG Encoding
 * Standard does.
 */
export function readUtf8Lossy(bytes: Uint8Array): string {
  return readUtf8(bytes, 0, bytes.length) ?? (readMultiByte(bytes, 0, bytes.length, true) as string);
}

function readMultiByte(bytes: Uint8Array, start: number, end: number, lossy: boolean): string | undefined {
  let text = "";
  let units: number[] = [];
  let at = start;
  while (at < end) {
    const lead = bytes[at++] as number;
    if (lead < 0x80) {
      units.push(lead);
    } else {
      const size = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
      // The range of the second byte excludes overlong forms, surrogates and code points above U+10FFFF.
      let low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
      let high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
      let point = size === 0 ? -1 : lead & (0xff >> (size + 1));
      for (let k = 1; k < size && point >= 0; k++) {
        const next = at < end ? (bytes[at] as number) : 0;
        if (next < low || next > high) {
          point = -1;
        } else {
          point = (point << 6) | (next & 0x3f);
          at++;
        }
        low = 0x80;
        high = 0xbf;
      }
      if (point < 0) {
        if (!lossy) return undefined;
        units.push(REPLACEMENT);
      } else if (point < 0x10000) {
        units.push(point);
      } else {
        units.push(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff));
      }
    }
    if (units.length >= CHUNK) {
      text += String.fromCharCode.apply(null, units);
      units = [];
    }
  }
  return text + String.fromCharCode.apply(null, units);
}
