import fc from "fast-check";
import { expect, test } from "vitest";
import { PacketIdentifiers } from "../../src/session/packet-identifiers.ts";

test("no identifier is used twice at the same time, and each is the next free one above the last", () => {
  const steps = fc.array(fc.oneof(fc.constant("take" as const), fc.nat(80)), { maxLength: 300 });
  fc.assert(
    fc.property(steps, (script) => {
      const identifiers = new PacketIdentifiers();
      const used = new Set<number>();
      let last = 0;
      for (const step of script) {
        if (step === "take") {
          last++;
          while (used.has(last)) last++;
          expect(identifiers.take()).toBe(last);
          used.add(last);
        } else {
          used.delete(step);
          identifiers.release(step);
          expect(identifiers.has(step)).toBe(false);
        }
        expect(identifiers.available).toBe(true);
      }
      for (const identifier of used) expect(identifiers.has(identifier)).toBe(true);
    }),
  );
});

test("there are 65,535 identifiers; then there is none until one is released", () => {
  const identifiers = new PacketIdentifiers();
  for (let i = 1; i <= 65_535; i++) expect(identifiers.take()).toBe(i);
  expect(identifiers.available).toBe(false);
  expect(identifiers.take()).toBe(0);
  identifiers.release(40_000);
  expect(identifiers.take()).toBe(40_000);
  expect(identifiers.available).toBe(false);
});

test("restored identifiers are in use, and new ones follow them", () => {
  const identifiers = new PacketIdentifiers();
  for (const identifier of [65_534, 3, 3]) identifiers.restore(identifier);
  expect([identifiers.take(), identifiers.take(), identifiers.take(), identifiers.take()]).toEqual([65_535, 1, 2, 4]);
});
