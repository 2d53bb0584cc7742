import { expect, test } from "vitest";
import { BodyWriter } from "../../src/codec/body-writer.ts";
import { toHex } from "./vectors.ts";

const writes: readonly (readonly [name: string, hex: string, write: (body: BodyWriter) => void])[] = [
  ["a byte", "ab", (body) => body.byte(0xab)],
  ["two bytes", "abcd", (body) => body.twoByte(0xabcd)],
  ["four bytes", "abcdef01", (body) => body.fourByte(0xabcd_ef01)],
  ["a variable byte integer", "ffffff7f", (body) => body.variableByteInteger(268_435_455)],
  ["text", "0006c3a9f09d849e", (body) => body.text("field", "é\u{1d11e}")],
  ["binary", "0003010203", (body) => body.binary("field", Uint8Array.of(1, 2, 3))],
  ["bytes", "010203", (body) => body.append(Uint8Array.of(1, 2, 3))],
];

// At any position, so that each is once the one that no longer fits.
test.each(writes)("%s is written completely when the buffer has to grow for it", (_, hex, write) => {
  for (let before = 120; before <= 130; before++) {
    const body = new BodyWriter();
    body.append(new Uint8Array(before).fill(0x11));
    write(body);
    body.byte(0x22);
    expect(toHex(body.bytes.subarray(0, body.length))).toBe(`${"11".repeat(before)}${hex}22`);
  }
});
