/** The variable byte integer: one to four bytes, seven bits each, least significant first [MQTT5 1.5.5]. */

export const MAXIMUM_VARIABLE_BYTE_INTEGER = 268_435_455;

export function variableByteIntegerLength(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;
}

/** Writes `value` in as few bytes as possible [MQTT-1.5.5-1] and returns the offset after it. */
export function writeVariableByteInteger(value: number, bytes: Uint8Array, offset: number): number {
  let rest = value;
  let at = offset;
  while (rest >= 0x80) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}
