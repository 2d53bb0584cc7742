/** Consistent Overhead Byte Stuffing (Cheshire and Baker): a frame without zero bytes, so that a zero byte can end it. */

/** The most bytes that a frame of `length` bytes becomes, without the zero byte. */
export function mostCobs(length: number): number {
  return length + Math.floor(length / 254) + 1;
}

/** Returns the frame. Undefined if a block is longer than what there is. @param bytes without zero bytes */
export function decodeCobs(bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
  const decoded = new Uint8Array(end - start);
  let length = 0;
  for (let at = start; at < end; ) {
    const code = bytes[at] as number;
    const next = at + code;
    if (next > end) return undefined;
    decoded.set(bytes.subarray(at + 1, next), length);
    length += code - 1;
    if (code < 0xff && next < end) decoded[length++] = 0;
    at = next;
  }
  return decoded.subarray(0, length);
}

/** Returns the encoded frame, with the zero byte that ends it. */
export function encodeCobs(frame: Uint8Array): Uint8Array {
  const encoded = new Uint8Array(mostCobs(frame.length) + 1);
  let [code, length] = [0, 1]; // where the block's code is, and where the next byte goes
  for (let at = 0; at < frame.length; at++) {
    const byte = frame[at] as number;
    if (byte !== 0) encoded[length++] = byte;
    const isFull = length - code === 0xff;
    if (byte !== 0 && !isFull) continue;
    encoded[code] = length - code;
    if (isFull && at === frame.length - 1) return encoded.subarray(0, length + 1);
    code = length++;
  }
  encoded[code] = length - code;
  return encoded.subarray(0, length + 1);
}
