/** Checksums and cyclic redundancy checks as numbers. The variants are named as in the catalogue of Greg Cook. */

export interface Sum {
  /** In bytes. */
  readonly width: 1 | 2 | 4;
  /** The endianness in which protocols usually send it. */
  readonly endian: "big" | "little";
  readonly initial: number;
  /** What the result is combined with by exclusive or. */
  readonly final: number;
  /** Takes the bytes from `start` to `end` into the state. */
  update(state: number, bytes: Uint8Array, start: number, end: number): number;
}

export type SumKind = "xor8" | "sum8" | "crc8" | "crc16-modbus" | "crc16-ccitt" | "crc32";

export const SUMS: Readonly<Record<SumKind, Sum>> = {
  xor8: {
    ...{ width: 1, endian: "big", initial: 0, final: 0 },
    update(state, bytes, start, end) {
      let xor = state;
      for (let at = start; at < end; at++) xor ^= bytes[at] as number;
      return xor;
    },
  },
  sum8: {
    ...{ width: 1, endian: "big", initial: 0, final: 0 },
    update(state, bytes, start, end) {
      let sum = state;
      for (let at = start; at < end; at++) sum = (sum + (bytes[at] as number)) & 0xff;
      return sum;
    },
  },
  // CRC-8/SMBUS
  crc8: { width: 1, endian: "big", initial: 0, final: 0, update: leftward(8, 0x07) },
  "crc16-modbus": { width: 2, endian: "little", initial: 0xffff, final: 0, update: rightward(0xa001) },
  // CRC-16/IBM-3740, also known as CCITT-FALSE
  "crc16-ccitt": { width: 2, endian: "big", initial: 0xffff, final: 0, update: leftward(16, 0x1021) },
  // CRC-32/ISO-HDLC, as in Ethernet and ZIP
  crc32: { width: 4, endian: "little", initial: 0xffffffff, final: 0xffffffff, update: rightward(0xedb88320) },
};

/** Returns the sum of all bytes. */
export function sumOf({ initial, final, update }: Sum, bytes: Uint8Array, start = 0, end = bytes.length): number {
  return finished(update(initial, bytes, start, end), final);
}

export function finished(state: number, final: number): number {
  return (state ^ final) >>> 0;
}

/** Least significant bit first. @param polynomial with its bits reversed */
function rightward(polynomial: number): Sum["update"] {
  const table = Uint32Array.from({ length: 256 }, (_, byte) => {
    let state = byte;
    for (let bit = 0; bit < 8; bit++) state = (state & 1) === 0 ? state >>> 1 : (state >>> 1) ^ polynomial;
    return state;
  });
  return (initial, bytes, start, end) => {
    let state = initial;
    for (let at = start; at < end; at++) {
      state = (state >>> 8) ^ (table[(state ^ (bytes[at] as number)) & 0xff] as number);
    }
    return state >>> 0;
  };
}

/** Most significant bit first. */
function leftward(bits: 8 | 16, polynomial: number): Sum["update"] {
  const [top, mask] = [1 << (bits - 1), (1 << bits) - 1];
  const table = Uint16Array.from({ length: 256 }, (_, byte) => {
    let state = byte << (bits - 8);
    for (let bit = 0; bit < 8; bit++) state = ((state & top) === 0 ? state << 1 : (state << 1) ^ polynomial) & mask;
    return state;
  });
  return (initial, bytes, start, end) => {
    let state = initial;
    for (let at = start; at < end; at++) {
      state = ((state << 8) & mask) ^ (table[(state >>> (bits - 8)) ^ (bytes[at] as number)] as number);
    }
    return state;
  };
}
