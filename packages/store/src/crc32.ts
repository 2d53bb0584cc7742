/** CRC-32 (the one of ISO 3309, zlib and PNG). Uses zlib if Node provides it (20.15 and later). */

import * as zlib from "node:zlib";

/** @param crc the checksum of the preceding bytes */
export const crc32: (bytes: Uint8Array, crc?: number) => number = zlib.crc32 ?? crc32ByTable;

export function crc32ByTable(bytes: Uint8Array, crc = 0): number {
  let c = ~crc;
  for (const byte of bytes) c = (c >>> 8) ^ (table[(c ^ byte) & 0xff] ?? 0);
  return ~c >>> 0;
}

const POLYNOMIAL = 0xedb88320;

const table = Int32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? POLYNOMIAL ^ (c >>> 1) : c >>> 1;
  return c;
});
