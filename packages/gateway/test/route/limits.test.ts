import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Limits } from "../../src/route/limits.ts";
import { bytesOf, csv, field, peer, pipelineOf, seen } from "../settings.ts";

const lookup = (value: string | number | null | undefined, device?: string) => ({ lookup: () => value, device });

describe("duplicates", () => {
  const limits = (within = 1_000) => new Limits({ rate: undefined, dedupe: { key: "n", within } });

  test("are records with the same key within the time; repeats do not make the time longer", () => {
    const limited = limits();
    const reasons = [0, 400, 999, 1_000, 1_500, 2_000].map((now) => limited.dropped(lookup("a"), now)?.reason);
    expect(reasons).toEqual([undefined, "duplicate", "duplicate", undefined, "duplicate", undefined]);
    expect(limited.dropped(lookup("b"), 2_001)).toBeUndefined();
    expect(limited.dropped(lookup("b"), 2_101)?.detail).toBe('field "n" is "b", as it was 100 ms before');
  });

  test("have a key: records without one are none", () => {
    const limited = limits();
    for (const value of [null, undefined, null]) expect(limited.dropped(lookup(value), 0)).toBeUndefined();
  });

  test("of a record that was not accepted are none", () => {
    const limited = limits();
    limited.dropped(lookup(5), 0);
    limited.forget(lookup(5));
    expect(limited.dropped(lookup(5), 1)).toBeUndefined();
  });

  test("are from one device: another one may use the same keys", () => {
    const limited = limits();
    const reasons = (["a", "b", undefined, "a"] as const).map(
      (device) => limited.dropped(lookup(5, device), 0)?.reason,
    );
    expect(reasons).toEqual([undefined, undefined, undefined, "duplicate"]);
    limited.accepted(lookup(5, "a"));
    expect([limited.isAccepted(lookup(5, "a")), limited.isAccepted(lookup(5, "b"))]).toEqual([true, false]);
    expect(limited.dropped(lookup("1x", ""), 0)).toBeUndefined();
    expect(limited.dropped(lookup("x", "1"), 0)).toBeUndefined();
  });

  test("may be acknowledged when the record is accepted", () => {
    const limited = limits();
    limited.dropped(lookup(5), 0);
    expect(limited.isAccepted(lookup(5))).toBe(false);
    limited.accepted(lookup(5));
    expect(limited.isAccepted(lookup(5))).toBe(true);
    expect(limited.isAccepted(lookup(6))).toBe(false);
  });

  test("are recognized by at most 10,000 keys, at least the latest 5,000", () => {
    const limited = limits(1e9);
    for (let i = 0; i < 30_000; i++) limited.dropped(lookup(i), i);
    expect(limited.size).toBe(10_000);
    for (let i = 29_999; i > 25_000; i -= 100) expect(limited.dropped(lookup(i), 30_000)?.reason).toBe("duplicate");
  });
});

describe("the rate", () => {
  test("lets a burst pass, then so many a second", () => {
    const limited = new Limits({ rate: { perSecond: 2, burst: 3 }, dedupe: undefined });
    const passed = [0, 0, 0, 0, 499, 500, 1_000, 9_000, 9_000, 9_000, 9_000].map(
      (now) => limited.dropped(lookup(1), now) === undefined,
    );
    expect(passed).toEqual([true, true, true, false, false, true, true, true, true, true, false]);
    expect(limited.dropped(lookup(1), 9_000)).toMatchObject({
      reason: "rate",
      detail: "more than 2 records a second, and 3 at once",
    });
  });

  test("is never exceeded in any time", () => {
    const gaps = fc.array(fc.nat({ max: 2_000 }), { maxLength: 200 });
    fc.assert(
      fc.property(
        gaps,
        fc.constantFrom(0.1, 1, 7, 1_000),
        fc.integer({ min: 1, max: 20 }),
        (given, perSecond, burst) => {
          const limited = new Limits({ rate: { perSecond, burst }, dedupe: undefined });
          const passed: number[] = [];
          let now = 0;
          for (const gap of given) {
            now += gap;
            if (limited.dropped(lookup(1), now) === undefined) passed.push(now);
          }
          for (const [i, from] of passed.entries()) {
            for (const [j, to] of passed.entries()) {
              if (j >= i) expect(j - i + 1).toBeLessThanOrEqual(burst + ((to - from) * perSecond) / 1_000 + 1e-6);
            }
          }
        },
      ),
    );
  });
});

describe("in the pipeline", () => {
  const decode = csv(field("n", "u32"), field("v"));

  test("a duplicate does not use up the rate, and what the rate drops is no duplicate later", () => {
    const pipeline = pipelineOf({
      decode,
      dedupe: { key: "n", within: 10_000 },
      rate: { perSecond: 1, burst: 2 },
    });
    const wire = pipeline.open(peer);
    const lines = (text: string, now: number) => wire.push(bytesOf(text), now).map(({ dropped }) => dropped);
    expect(lines("1;a\n1;a\n1;a\n2;a\n3;a\n", 0)).toEqual([undefined, "duplicate", "duplicate", undefined, "rate"]);
    expect(lines("3;a\n", 1_000)).toEqual([undefined]);
  });

  test("records of two devices with the same key are no duplicates", () => {
    const settings = { decode: csv(field("node"), field("n", "u32")), dedupe: { key: "n", within: 1_000 } };
    const wire = pipelineOf({ ...settings, deviceName: "{node}" }).open(peer);
    const reasons = wire.push(bytesOf("a;1\nb;1\na;1\n"), 0).map(({ dropped }) => dropped);
    expect(reasons).toEqual([undefined, undefined, "duplicate"]);
  });

  test("a record that the rate drops is none to compare with", () => {
    const when = [{ field: "v", op: "changed", value: undefined }] as const;
    const wire = pipelineOf({ decode, when, rate: { perSecond: 1, burst: 1 } }).open(peer);
    const one = (text: string, now: number) => wire.push(bytesOf(text), now).map(seen)[0]?.split(":")[0];
    expect(one("1;a\n", 0)).not.toBe("filtered");
    expect(one("2;b\n", 10)).toBe("rate");
    expect(one("3;b\n", 2_000)).toContain("attic/meter");
    expect(one("4;b\n", 4_000)).toBe("filtered");
  });

  test("what a condition drops counts neither for the rate nor for duplicates", () => {
    const when = [{ field: "v", op: "=", value: "x" }] as const;
    const settings = { decode, when, rate: { perSecond: 1, burst: 1 }, dedupe: { key: "n", within: 1_000 } };
    const wire = pipelineOf(settings).open(peer);
    const reasons = wire.push(bytesOf("1;a\n1;a\n1;x\n1;x\n"), 0).map(({ dropped }) => dropped);
    expect(reasons).toEqual(["filtered", "filtered", undefined, "duplicate"]);
  });
});
