import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CheckSettings } from "../../src/configuration/configuration.ts";
import type { SumSettings } from "../../src/configuration/frame-settings.ts";
import { Failure } from "../../src/failure.ts";
import { appendCheck, createCheck } from "../../src/frame/check.ts";
import { SUMS, type SumKind, sumOf } from "../../src/frame/crc.ts";
import { bytesOf, crc16 } from "./every-kind.ts";

// The check values of the catalogue of parametrised CRC algorithms.
test.each<[SumKind, number]>([
  ["xor8", 0x31],
  ["sum8", 0xdd],
  ["crc8", 0xf4],
  ["crc16-modbus", 0x4b37],
  ["crc16-ccitt", 0x29b1],
  ["crc32", 0xcbf43926],
])("%s of 123456789 has its published value", (kind, value) => {
  expect(sumOf(SUMS[kind], bytesOf("123456789"))).toBe(value);
});

test("crc32 is that of zlib", () => {
  if (crc32 === undefined) return; // Node 20
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(sumOf(SUMS.crc32, bytes)).toBe(crc32(bytes));
    }),
  );
});

function appended(settings: Partial<SumSettings>, text: string): string {
  const frame = appendCheck({ ...crc16, ...settings } as CheckSettings, bytesOf(text));
  return frame instanceof Failure ? `${frame.reason}: ${frame.detail}` : Buffer.from(frame).toString("latin1");
}

test.each<[string, Partial<SumSettings>, string, string]>([
  ["at the end", {}, "123456789", "123456789\x29\xb1"],
  ["with its last byte first", { endian: "little" }, "123456789", "123456789\xb1\x29"],
  ["as digits", { as: "hex" }, "123456789", "12345678929B1"],
  ["at the beginning", { at: 0 }, "123456789", "\x29\xb1123456789"],
  ["in the middle, and does not cover itself", { at: 4 }, "123456789", "1234\x29\xb156789"],
  ["of a part", { from: 3 }, "xyz123456789", "xyz123456789\x29\xb1"],
  ["of four bytes", { kind: "crc32" }, "123456789", "123456789\xcb\xf4\x39\x26"],
])("a check stands %s", (_, settings, body, expected) => {
  expect(appended(settings, body)).toBe(expected);
});

test("a frame that has no place for its check is refused in both directions", () => {
  expect(appended({ at: 4 }, "abc")).toBe("malformed: the frame has 3 bytes, which is too short for crc16-ccitt");
  expect(appended({ from: 4 }, "abc")).toBe("malformed: the frame has 3 bytes, which is too short for crc16-ccitt");
  expect(createCheck({ ...crc16, from: 4 } as CheckSettings)?.problem(bytesOf("abcde"), 0, 5)).toBe(
    "the frame has 5 bytes, which is too short for crc16-ccitt",
  );
});

test("a check that does not fit is shown with the one that would", () => {
  const problem = (settings: CheckSettings, text: string) =>
    createCheck(settings)?.problem(bytesOf(text), 0, text.length);
  expect(problem(crc16, "123456789\x29\xb2")).toBe("crc16-ccitt is 0x29b2, but the bytes give 0x29b1");
  expect(problem({ ...crc16, as: "hex" } as CheckSettings, "12345678929bx")).toBe(
    "crc16-ccitt is not hexadecimal digits, but the bytes give 0x29b1",
  );
  expect(problem({ ...crc16, as: "hex" } as CheckSettings, "12345678929b1")).toBeUndefined();
});

test("what has a check is right, is wrong after any change of a bit, and is the frame again without it", () => {
  const settings = fc.record({
    kind: fc.constantFrom(...(Object.keys(SUMS) as SumKind[])),
    at: fc.constantFrom("end" as const, 0, 2),
    from: fc.constantFrom(0, 1, 3),
    as: fc.constantFrom("bytes" as const, "hex" as const),
    endian: fc.constantFrom("big" as const, "little" as const),
  });
  fc.assert(
    fc.property(
      settings,
      fc.uint8Array({ minLength: 4, maxLength: 20 }),
      fc.nat(),
      fc.nat(7),
      (each, body, at, bit) => {
        const check = createCheck(each);
        const frame = appendCheck(each, body);
        if (check === undefined || frame instanceof Failure) throw new Error("there is a check");
        expect(check.problem(frame, 0, frame.length)).toBeUndefined();
        expect(Uint8Array.from(check.without(frame, 0, frame.length))).toEqual(body);
        const place = at % frame.length;
        const changed = frame.with(place, (frame[place] ?? 0) ^ (1 << bit));
        const isDigitsCase = each.as === "hex" && bit === 5;
        const inCheck = place - (each.at === "end" ? body.length : each.at);
        const isCovered = place >= each.from || (inCheck >= 0 && inCheck < frame.length - body.length);
        if (isCovered && !isDigitsCase) expect(check.problem(changed, 0, changed.length)).toBeDefined();
      },
    ),
    { numRuns: 1000 },
  );
});

describe("nmea", () => {
  const nmea = createCheck({ kind: "nmea" });
  const problem = (text: string) => nmea?.problem(bytesOf(text), 0, text.length);
  // The example of many descriptions of NMEA 0183.
  const sentence = "$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47";

  test("accepts sentences, also encapsulated ones and with lowercase digits", () => {
    expect(problem(sentence)).toBeUndefined();
    expect(problem("!AIVDM,1,1,,B,177KQJ5000G?tO`K>RA1wUbN0TKH,0*5C")).toBeUndefined();
    expect(problem("!AIVDM,1,1,,B,177KQJ5000G?tO`K>RA1wUbN0TKH,0*5c")).toBeUndefined();
  });

  test.each([
    ["", 'the frame does not begin with "$" or "!"'],
    ["GPGGA*47", 'the frame does not begin with "$" or "!"'],
    ["$", 'the frame does not end with "*" and two hexadecimal digits'],
    ["$GPGGA", 'the frame does not end with "*" and two hexadecimal digits'],
    ["$GPGGA*4", 'the frame does not end with "*" and two hexadecimal digits'],
    ["$GPGGA*4g", 'the frame does not end with "*" and two hexadecimal digits'],
    ["$GPGGA*00", "the frame ends with *00, but the bytes give *56"],
  ])("refuses %j", (text, expected) => {
    expect(problem(text)).toBe(expected);
  });

  test("adds the checksum to a sentence, and leaves one that has it", () => {
    const made = (text: string) => {
      const frame = appendCheck({ kind: "nmea" }, bytesOf(text));
      return frame instanceof Failure ? frame.detail : Buffer.from(frame).toString("latin1");
    };
    expect(made(sentence.slice(0, -3))).toBe(sentence);
    expect(made(sentence)).toBe(sentence);
    expect(made("$a*00")).toBe('the frame has a "*" before its check');
    expect(made("a")).toBe('the frame does not begin with "$" or "!"');
  });
});
