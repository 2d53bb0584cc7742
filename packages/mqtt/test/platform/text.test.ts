import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readUtf8, readUtf8Lossy, utf8Bytes, utf8Length, writeUtf8 } from "../../src/platform/text.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lossyDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The platform's text for `bytes`; undefined if they are ill-formed. */
function oracle(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** The same with our coder, with other bytes around them that it must not read. */
function read(bytes: Uint8Array): string | undefined {
  const surrounded = new Uint8Array(bytes.length + 8).fill(0x80);
  surrounded.set(bytes, 4);
  return readUtf8(surrounded, 4, 4 + bytes.length);
}

function write(text: string): Uint8Array {
  const bytes = new Uint8Array(utf8Length(text) + 4).fill(0xaa);
  const end = writeUtf8(text, bytes, 2);
  expect(end).toBe(bytes.length - 2);
  expect([bytes[0], bytes[1], bytes.at(-2), bytes.at(-1)]).toEqual([0xaa, 0xaa, 0xaa, 0xaa]);
  return bytes.slice(2, end);
}

// UTF-16 units, half of them surrogates, so that pairs and lone surrogates are frequent.
const unit = fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0xd7ff, max: 0xe000 }));
const anyUnits = fc.array(unit, { maxLength: 20 }).map((units) => String.fromCharCode(...units));

// The bytes at which the rules of RFC 3629 change, so that sequences that are nearly valid are frequent.
const edge = fc.constantFrom(
  ...[0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee],
  ...[0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xfc, 0xfe, 0xff],
);

describe("writing", () => {
  test("produces the bytes of TextEncoder for well-formed text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 50 }), (text) => {
        expect(write(text)).toEqual(encoder.encode(text));
        expect(utf8Bytes(text)).toEqual(encoder.encode(text));
      }),
      { numRuns: 500 },
    );
  });

  test("computes a length only for text without lone surrogates", () => {
    fc.assert(
      fc.property(anyUnits, (text) => {
        const bytes = encoder.encode(text);
        const wellFormed = decoder.decode(bytes) === text;
        expect(utf8Length(text)).toBe(wellFormed ? bytes.length : -1);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ["a high surrogate at the end", "a\ud800"],
    ["a high surrogate before a letter", "\udbffa"],
    ["two high surrogates", "\ud800\ud800"],
    ["a low surrogate", "\udc00"],
    ["a pair in the wrong order", "\udfff\ud800"],
    ["a low surrogate behind a pair", "\ud83d\ude00\ude00"],
  ])("finds a lone surrogate: %s", (_, text) => {
    expect(utf8Length(text)).toBe(-1);
  });

  test("preserves code points at the limits of each encoded length", () => {
    for (const point of [0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfeff, 0xffff, 0x1_0000, 0x10_ffff]) {
      const text = String.fromCodePoint(point);
      expect(write(text)).toEqual(encoder.encode(text));
      expect(read(write(text))).toBe(text);
    }
  });
});

describe("reading", () => {
  test("produces the text of a strict TextDecoder for any bytes", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 12 }), fc.array(edge, { maxLength: 8 })), (list) => {
        const bytes = Uint8Array.from(list);
        expect(read(bytes)).toBe(oracle(bytes));
      }),
      { numRuns: 5000 },
    );
  });

  test("with replacements produces the text of a lenient TextDecoder for any bytes", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 12 }), fc.array(edge, { maxLength: 8 })), (list) => {
        const bytes = Uint8Array.from(list);
        expect(readUtf8Lossy(bytes)).toBe(lossyDecoder.decode(bytes));
      }),
      { numRuns: 5000 },
    );
  });

  test("agrees with TextDecoder on every sequence of two bytes, and on three and four where the rules change", () => {
    const third = [0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff];
    const disagreements: string[] = [];
    const compare = (...list: number[]) => {
      const bytes = Uint8Array.from(list);
      const agreed = read(bytes) === oracle(bytes) && readUtf8Lossy(bytes) === lossyDecoder.decode(bytes);
      if (!agreed) disagreements.push(Buffer.from(bytes).toString("hex"));
    };
    for (let first = 0; first < 256; first++) {
      compare(first);
      for (let second = 0; second < 256; second++) {
        compare(first, second);
        if (first < 0xe0) continue;
        for (const last of third) {
          compare(first, second, last);
          if (first >= 0xf0) compare(first, second, 0x80, last);
        }
      }
    }
    expect(disagreements).toEqual([]);
  });

  test.each([
    ["a continuation byte alone", "80"],
    ["an overlong slash of two bytes", "c0 af"],
    ["an overlong U+007F", "c1 bf"],
    ["an overlong slash of three bytes", "e0 80 af"],
    ["an overlong U+07FF", "e0 9f bf"],
    ["an overlong U+FFFF", "f0 8f bf bf"],
    ["the surrogate U+D800", "ed a0 80"],
    ["the surrogate U+DFFF", "ed bf bf"],
    ["a pair of surrogates (CESU-8)", "ed a0 bd ed b8 80"],
    ["U+110000", "f4 90 80 80"],
    ["a lead byte of a five-byte sequence", "f8 88 80 80 80"],
    ["a lead byte of a six-byte sequence", "fc 84 80 80 80 80"],
    ["the byte FE", "fe"],
    ["the byte FF", "ff"],
    ["a two-byte character cut to one", "61 c3"],
    ["a three-byte character cut to two", "e2 82"],
    ["a four-byte character cut to three", "f0 9f 98"],
    ["a letter in place of a continuation byte", "e2 28 a1"],
  ])("refuses %s", (_, hex) => {
    const bytes = Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
    expect(read(bytes)).toBeUndefined();
    expect(read(Uint8Array.of(0x61, ...bytes, 0x61))).toBeUndefined();
  });

  test("keeps U+FEFF at any position", () => {
    const text = "\ufeffa\ufeff";
    expect(read(encoder.encode(text))).toBe(text);
  });

  test.each([
    ["ASCII", "x"],
    ["two-byte", "é"],
    ["astral", "\u{1f600}"],
  ])("of long %s text is correct, whatever is at the borders of its pieces", (_, letter) => {
    for (const shift of [0, 1, 2, 3]) {
      const text = "a".repeat(shift) + letter.repeat(20_000);
      expect(read(encoder.encode(text)) === text).toBe(true);
    }
  });
});
