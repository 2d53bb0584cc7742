/** SLIP (RFC 1055): END (0xC0) ends a frame; END and ESC within it are two bytes each. */

export const END = 0xc0;
const ESC = 0xdb;
const ESC_END = 0xdc;
const ESC_ESC = 0xdd;

/** The most bytes that a frame of `length` bytes becomes, without END. */
export function mostSlip(length: number): number {
  return 2 * length;
}

/** Returns the frame. Undefined if ESC is not followed by ESC_END or ESC_ESC. @param bytes without END */
export function decodeSlip(bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
  const decoded = new Uint8Array(end - start);
  let length = 0;
  for (let at = start; at < end; at++) {
    let byte = bytes[at] as number;
    if (byte === ESC) {
      const escaped = ++at < end ? bytes[at] : undefined;
      if (escaped !== ESC_END && escaped !== ESC_ESC) return undefined;
      byte = escaped === ESC_END ? END : ESC;
    }
    decoded[length++] = byte;
  }
  return decoded.subarray(0, length);
}

/** Returns the encoded frame between two END bytes: the first one ends what noise may have begun. */
export function encodeSlip(frame: Uint8Array): Uint8Array {
  const encoded = new Uint8Array(mostSlip(frame.length) + 2);
  encoded[0] = END;
  let length = 1;
  for (const byte of frame) {
    if (byte === END || byte === ESC) {
      encoded[length++] = ESC;
      encoded[length++] = byte === END ? ESC_END : ESC_ESC;
    } else {
      encoded[length++] = byte;
    }
  }
  encoded[length++] = END;
  return encoded.subarray(0, length);
}
