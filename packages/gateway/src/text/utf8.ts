/**
 * Text and bytes: strict UTF-8 and Latin-1 (RFC 3629 and ISO 8859-1, each byte one character). Pure ECMAScript, because small engines have no
 * TextEncoder. Knows nothing of frames.
 */

/** Char codes that become text at once. */
const CHUNK = 1024;

/** Decodes the UTF-8 in `bytes` from `start` to `end`. Returns the offset of the first ill-formed sequence if there is one. */
export function readUtf8(bytes: Uint8Array, start: number, end: number): string | number {
  let at = start;
  while (at < end && (bytes[at] as number) < 0x80) at++;
  let text = readLatin1(bytes, start, at);
  if (at === end) return text;
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

/** Decodes each byte from `start` to `end` as one character. Blocks are faster than `apply` with a view of the bytes. */
export function readLatin1(bytes: Uint8Array, start: number, end: number): string {
  const at = (offset: number): number => bytes[offset] as number;
  const { fromCharCode } = String;
  let text = "";
  let i = start;
  for (; i + 16 <= end; i += 16) {
    // biome-ignore format: one line for each half
    text += fromCharCode(
      at(i), at(i + 1), at(i + 2), at(i + 3), at(i + 4), at(i + 5), at(i + 6), at(i + 7),
      at(i + 8), at(i + 9), at(i + 10), at(i + 11), at(i + 12), at(i + 13), at(i + 14), at(i + 15),
    );
  }
  for (; i + 4 <= end; i += 4) text += fromCharCode(at(i), at(i + 1), at(i + 2), at(i + 3));
  for (; i < end; i++) text += fromCharCode(at(i));
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
  write(text, 0, bytes, 0);
  return bytes;
}

/** Room that many short texts share: a Uint8Array of their own takes longer than all the rest. */
const ROOM = 16_384;
/** The most bytes of a UTF-16 unit as UTF-8. */
const WIDEST = 3;

/** Encodes many texts, as `utf8Bytes` does. */
export class Utf8Encoder {
  private room = new Uint8Array(0);
  private used = 0;

  bytes(text: string): Uint8Array | undefined {
    const { length } = text;
    if (length * WIDEST > ROOM / 4) return utf8Bytes(text);
    if (this.used + length * WIDEST > this.room.length) {
      this.room = new Uint8Array(ROOM);
      this.used = 0;
    }
    const { room, used } = this;
    let at = 0;
    for (; at < length; at++) {
      const unit = text.charCodeAt(at);
      if (unit >= 0x80) break;
      room[used + at] = unit;
    }
    let end = used + at;
    if (at < length) {
      if (utf8Length(text) < 0) return undefined;
      end = write(text, at, room, end);
    }
    this.used = end;
    return room.subarray(used, end);
  }
}

/** Writes `text`, which must be well-formed, from its character `from` on. Returns the offset after it. */
function write(text: string, from: number, bytes: Uint8Array, offset: number): number {
  let at = offset;
  for (let i = from; i < text.length; i++) {
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
  return at;
}

/** Encodes `text` as Latin-1. Returns undefined if it contains a character that Latin-1 does not have. */
export function exactLatin1Bytes(text: string): Uint8Array | undefined {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0xff) return undefined;
  }
  return latin1Bytes(text);
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
