// Owns the bytes of a file of version 1, as the previous release wrote it: what a stranger knows who sends messages
// that look like frames.
import { crc32 } from "../src/crc32.ts";

const MARK = 0x414b4a42;

/** Five writes of the previous release to the session "s", those of damage.test.ts, byte for byte as on the disk. */
export const released = Buffer.from(
  "41494b4f4d515454000000013cb6256e414b4a42000000216c88e2ea2e06a8ba00000000000000010000000902020202020202020200000000000000" +
    "0200000000414b4a420000002aad263937de6fd21f00000000000000030000001e0404040404040404040404040404040404040404040404040404" +
    "04040404414b4a420000001906790577c04bdfaf80000000000000010000000000000004000000050505050505414b4a42000000136efd5fc48069" +
    "fc5600000000000000020000000703030303030303414b4a420000001f835ac2febf58eeb200000000000000050000000b06060606060606060606" +
    "068000000000000004",
  "hex",
);

/** Its header. */
export const header = released.subarray(0, 16);

/** A frame that puts one record, with a body length that may be larger than the body. */
export function frame(key: number, value: Uint8Array, length = 12 + value.length): Buffer {
  const body = Buffer.alloc(12 + value.length);
  body.writeUInt32BE(key, 4);
  body.writeUInt32BE(value.length, 8);
  body.set(value, 12);
  return Buffer.concat([frameHeader(length, crc32(body)), body]);
}

function frameHeader(length: number, checksum: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32BE(MARK, 0);
  bytes.writeUInt32BE(length, 4);
  bytes.writeUInt32BE(checksum, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 12), crc32(Buffer.from("s", "utf16le"))), 12);
  return bytes;
}

/** As many headers as fit into a payload, each with a body that reaches to its end. */
export function headersOnly(size: number): Buffer {
  const payload = Buffer.alloc(size);
  for (let at = 0; at + 16 <= size; at += 16) payload.set(frameHeader(size - at - 16, 1), at);
  return payload;
}
