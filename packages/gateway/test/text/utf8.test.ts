import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { latin1Bytes, readLatin1, readUtf8, Utf8Encoder, utf8Bytes, utf8Length } from "../../src/text/utf8.ts";

const anyText = fc.oneof(fc.string({ unit: "binary", maxLength: 60 }), fc.string({ unit: "grapheme", maxLength: 60 }));
/** Bytes of text, some of them damaged, so that ill-formed sequences of every kind occur. */
const damagedText = fc
  .tuple(anyText, fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 3 }))
  .map(([text, damage]) => {
    const bytes = new Uint8Array(Buffer.from(text));
    for (const [at, byte] of damage) if (at < bytes.length) bytes[at] = byte;
    return bytes;
  });

function decodedByNode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

describe("UTF-8", () => {
  test("decodes what Node decodes, and names a place in what Node refuses", () => {
    fc.assert(
      fc.property(fc.oneof(damagedText, fc.uint8Array({ maxLength: 40 })), (bytes) => {
        const text = readUtf8(bytes, 0, bytes.length);
        const expected = decodedByNode(bytes);
        if (typeof text === "number") {
          expect(expected).toBeUndefined();
          expect(decodedByNode(bytes.subarray(0, text))).toBeDefined();
        } else {
          expect(text).toBe(expected);
        }
      }),
      { numRuns: 3000 },
    );
  });

  test("decodes each code point, also beyond the length of a chunk", () => {
    let text = "";
    for (let point = 0; point <= 0x10ffff; point += point < 0x1_0000 ? 1 : 257) {
      if (point < 0xd800 || point > 0xdfff) text += String.fromCodePoint(point);
    }
    const bytes = new Uint8Array(Buffer.from(text));
    expect(readUtf8(bytes, 0, bytes.length) === text).toBe(true);
    expect(Buffer.from(utf8Bytes(text) ?? []).equals(bytes)).toBe(true);
  });

  test("encodes what Node encodes, and refuses lone surrogates", () => {
    const encoder = new Utf8Encoder();
    const anyUnits = fc.array(fc.nat(0xffff), { maxLength: 30 }).map((units) => String.fromCharCode(...units));
    fc.assert(
      fc.property(fc.oneof(anyText, anyUnits), (text) => {
        const expected = Buffer.from(text).toString() === text ? Buffer.from(text) : undefined;
        expect(utf8Length(text)).toBe(expected?.length ?? -1);
        for (const bytes of [utf8Bytes(text), encoder.bytes(text)]) {
          expect(bytes && Buffer.from(bytes)).toEqual(expected);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("texts that share room do not overwrite each other", () => {
    const encoder = new Utf8Encoder();
    const texts = Array.from({ length: 2000 }, (_, i) => `${"é".repeat(i % 50)}${i}`).concat("x".repeat(20_000), "y");
    const encoded = texts.map((text) => encoder.bytes(text));
    expect(encoded.map((bytes) => Buffer.from(bytes ?? []).toString())).toEqual(texts);
  });
});

test("Latin-1 gives each byte a character, and back", () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i & 0xff);
  const text = readLatin1(bytes, 3, 999);
  expect(text).toBe(Buffer.from(bytes.subarray(3, 999)).toString("latin1"));
  expect(latin1Bytes(text)).toEqual(bytes.slice(3, 999));
  expect(latin1Bytes("€")).toEqual(Uint8Array.of(0x3f));
});
