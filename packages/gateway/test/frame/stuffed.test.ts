// COBS and SLIP, compared with coders of other authors.
import cobs from "cobs";
import fc from "fast-check";
import slip from "slip";
import { describe, expect, test } from "vitest";
import { decodeCobs, encodeCobs } from "../../src/frame/cobs.ts";
import { decodeSlip, encodeSlip } from "../../src/frame/slip.ts";
import { bytesOf, open } from "./every-kind.ts";

/** Many of the bytes that are replaced, and frames around the length of a block. */
const body = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 20 }),
  fc
    .array(fc.constantFrom(0, 1, 0xc0, 0xdb, 0xdc, 0xdd, 0xff), { minLength: 1, maxLength: 20 })
    .map((each) => Uint8Array.from(each)),
  fc
    .tuple(fc.integer({ min: 250, max: 260 }), fc.integer({ min: 1, max: 4 }), fc.boolean())
    .map(([length, times, hasZero]) => {
      const bytes = new Uint8Array(length * times).fill(7);
      if (hasZero) bytes[length - 1] = 0;
      return bytes;
    }),
);

describe("COBS", () => {
  test("frames decode to what they were encoded from, with both decoders", () => {
    fc.assert(
      fc.property(body, (bytes) => {
        const encoded = encodeCobs(bytes);
        expect(encoded.indexOf(0)).toBe(encoded.length - 1);
        expect(decodeCobs(encoded, 0, encoded.length - 1)).toEqual(bytes);
        expect(new Uint8Array(cobs.decode(Buffer.from(encoded.subarray(0, -1))))).toEqual(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  test("what the other encoder makes is decoded", () => {
    fc.assert(
      fc.property(body, (bytes) => {
        const encoded = new Uint8Array(cobs.encode(Buffer.from(bytes)));
        expect(decodeCobs(encoded, 0, encoded.length)).toEqual(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  // Table of the article of Wikipedia on COBS.
  test.each([
    ["00", "010100"],
    ["0000", "01010100"],
    ["00110000", "010211010100"],
    ["11220033", "0311220233 00"],
    ["11223344", "051122334400"],
    ["11000000", "021101010100"],
  ])("%s is encoded as %s", (plain, encoded) => {
    expect(Buffer.from(encodeCobs(Buffer.from(plain, "hex"))).toString("hex")).toBe(encoded.replace(" ", ""));
  });

  test("a frame with a block that is too long is malformed, and the next frame is found", () => {
    const { frames, framer } = open({ kind: "cobs" });
    framer.push(Uint8Array.of(5, 1, 0, 0, 0, 2, 0x61, 0), 0);
    expect(frames.texts).toEqual(["(malformed)", "a"]);
    expect(frames.found[0]?.range).toEqual({ from: 0, to: 2 });
  });
});

describe("SLIP", () => {
  test("frames decode to what they were encoded from, with both decoders", () => {
    fc.assert(
      fc.property(fc.array(body, { minLength: 1, maxLength: 3 }), (bodies) => {
        const messages: Uint8Array[] = [];
        const decoder = new slip.Decoder({ onMessage: (message) => messages.push(Uint8Array.from(message)) });
        for (const each of bodies) {
          const encoded = encodeSlip(each);
          decoder.decode(encoded);
          expect(decodeSlip(encoded, 1, encoded.length - 1)).toEqual(each);
        }
        expect(messages).toEqual(bodies);
      }),
      { numRuns: 500 },
    );
  });

  test("the encoders give the same bytes", () => {
    fc.assert(
      fc.property(body, (bytes) => {
        expect(encodeSlip(bytes)).toEqual(Uint8Array.from(slip.encode(bytes)));
      }),
    );
  });

  test("an escape of another byte is malformed, and the next frame is found", () => {
    const { frames, framer } = open({ kind: "slip" });
    framer.push(bytesOf("a\xdbb\xc0\xc0a\xdb\xc0a\xdb\xdcb\xdb\xdd\xc0"), 0);
    expect(frames.texts).toEqual(["(malformed)", "(malformed)", "a\xc0b\xdb"]);
  });
});

test.each(["cobs", "slip"] as const)("max_frame counts the bytes of a %s frame before it was encoded", (kind) => {
  const encode = kind === "cobs" ? encodeCobs : encodeSlip;
  const { frames, framer } = open({ kind }, { maxFrame: 4 });
  for (const each of ["\xdb\xdb\xdb\xdb", "\xdb\xdb\xdb\xdb\xdb", "aaaaaaaaaa", "aaaa"])
    framer.push(encode(bytesOf(each)), 0);
  expect(frames.texts).toEqual(["\xdb\xdb\xdb\xdb", "(too-long)", "(too-long)", "aaaa"]);
});
