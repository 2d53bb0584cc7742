import { describe, expect, test } from "vitest";
import type { Condition } from "../../src/configuration/configuration.ts";
import type { FieldValue } from "../../src/pipeline/outcome.ts";
import { filtered, LastRecords } from "../../src/route/condition.ts";

function condition(op: Condition["op"], value?: Condition["value"]): Condition {
  return { field: "x", op, value };
}

const absent = undefined;

test.each<[Condition["op"], Condition["value"], FieldValue | undefined, boolean]>([
  ["=", 5, 5, true],
  ["=", 5, "5", true],
  ["=", 5, 5.5, false],
  ["=", "on", "on", true],
  ["=", true, true, true],
  ["=", true, "true", true],
  ["=", 5, absent, false],
  ["!=", 5, 6, true],
  ["!=", 5, 5, false],
  ["!=", 5, absent, false],
  ["<", 5, 4.9, true],
  ["<", 5, 5, false],
  ["<", 5, "cold", false],
  ["<", 5, "", false],
  ["<", 5, null, false],
  ["<", 5, absent, false],
  [">", 5, "18446744073709551615", true],
  [">", 5, 5, false],
  ["in", ["a", 2], "a", true],
  ["in", ["a", 2], 2, true],
  ["in", ["a", 2], "b", false],
  ["in", ["a", 2], absent, false],
  ["exists", absent, null, true],
  ["exists", true, absent, false],
  ["exists", false, absent, true],
  ["exists", false, 1, false],
])("%s %j with the field %j: %s", (op, wanted, value, expected) => {
  expect(filtered([condition(op, wanted)], () => value) === undefined).toBe(expected);
});

test("the detail names the field, its value and the condition", () => {
  expect(filtered([condition("<", 5)], () => 7)?.detail).toBe('field "x" is "7"; the condition is "< 5"');
  expect(filtered([condition("exists")], () => undefined)?.detail).toBe(
    'field "x" is missing; the condition is "exists"',
  );
});

test("all conditions must hold", () => {
  const both = [condition(">", 1), condition("<", 5)];
  expect([0, 3, 7].map((value) => filtered(both, () => value)?.reason)).toEqual(["filtered", undefined, "filtered"]);
});

describe("compared with the last record of the topic", () => {
  function kept(last: LastRecords, topic: string, values: readonly (FieldValue | undefined)[]): boolean[] {
    return values.map((value) => {
      const isKept = last.filtered(topic, () => value) === undefined;
      if (isKept) last.remember(topic, () => value);
      return isKept;
    });
  }

  test("changed keeps what differs, and the first", () => {
    const last = new LastRecords([condition("changed")]);
    expect(kept(last, "a", [1, 1, "1", 2, 2, absent, absent, [1], [1], [2]])).toEqual([
      true,
      false,
      true,
      true,
      false,
      true,
      false,
      true,
      false,
      true,
    ]);
    expect(kept(last, "b", [[2]])).toEqual([true]);
  });

  test("delta compares with the last record that was kept, so that a slow drift is seen", () => {
    const last = new LastRecords([condition("delta", 1)]);
    expect(kept(last, "a", [20, 20.5, 20.9, 21, 20.5, 20, "x", "x", 20])).toEqual([
      true,
      false,
      false,
      true,
      false,
      true,
      true,
      false,
      true,
    ]);
  });

  test("at most 10,000 topics are remembered, and always the 5,000 that were heard last", () => {
    const last = new LastRecords([condition("changed")]);
    let most = 0;
    for (let i = 0; i < 30_000; i++) {
      kept(last, `t${i}`, [1]);
      most = Math.max(most, last.size);
      if (i % 1000 === 0) kept(last, "often", [i]);
    }
    expect(most).toBe(10_000);
    for (let i = 29_999; i > 25_001; i -= 100) expect(kept(last, `t${i}`, [1])).toEqual([false]);
    expect(kept(last, "often", [29_000])).toEqual([false]);
    expect(kept(last, "t10000", [1])).toEqual([true]);
  });

  test("long topics and values are bounded together", () => {
    const last = new LastRecords([condition("changed")]);
    const long = "x".repeat(60_000);
    for (let i = 0; i < 1000; i++) kept(last, `${i}${long}`, [long]);
    expect(last.size).toBeLessThan(20);
    expect(kept(last, `999${long}`, [long])).toEqual([false]);
    expect(kept(last, `0${long}`, [long])).toEqual([true]);
  });

  test("a changing value of one topic does not push others out", () => {
    const last = new LastRecords([condition("changed")]);
    kept(last, "quiet", [1]);
    for (let i = 0; i < 10_000; i++) kept(last, "busy", [`${i}${"x".repeat(1000)}`]);
    expect(kept(last, "quiet", [1])).toEqual([false]);
  });

  test("a record that was not accepted is forgotten", () => {
    const last = new LastRecords([condition("changed")]);
    kept(last, "a", [1]);
    last.forget("a");
    last.forget("never heard");
    expect(kept(last, "a", [1, 1])).toEqual([true, false]);
  });
});
