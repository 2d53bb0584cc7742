import fc from "fast-check";
import { expect, test } from "vitest";
import { isoTime } from "../../src/route/iso-time.ts";

test("is the time that Date writes", () => {
  fc.assert(
    fc.property(fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 }), (time) => {
      expect(isoTime(time)).toBe(new Date(time).toISOString());
    }),
    { numRuns: 2000 },
  );
  for (let day = 0; day < 40_000; day += 1) {
    const time = day * 86_400_000;
    if (isoTime(time) !== new Date(time).toISOString()) expect(isoTime(time)).toBe(new Date(time).toISOString());
  }
  expect(isoTime(1.9)).toBe("1970-01-01T00:00:00.001Z");
});
