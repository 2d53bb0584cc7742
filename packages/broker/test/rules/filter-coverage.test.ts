// Compares coverage and overlap of topic filters with their definition, over all names of a small set.
import { topicFilterMatches } from "@aiko/mqtt/topic";
import fc from "fast-check";
import { expect, test } from "vitest";
import * as coverage from "../../src/rules/filter-coverage.ts";

const { filterLevels } = coverage;
const covers = (one: string, other: string): boolean => coverage.covers(filterLevels(one), filterLevels(other));
const overlaps = (one: string, other: string): boolean => coverage.overlaps(filterLevels(one), filterLevels(other));

const LETTERS = ["a", "b", "", "$x"];
/**
 * Names with one letter that no filter has, and one level more than any filter: they tell all filters apart. The empty
 * name, which no message has, is one of them: then one level is like another.
 */
const names: string[] = [];
for (let level = [[]] as string[][], depth = 0; depth < 4; depth++) {
  level = level.flatMap((name) => [...LETTERS, "other"].map((each) => [...name, each]));
  names.push(...level.map((each) => each.join("/")));
}

const filter = fc
  .tuple(fc.array(fc.constantFrom(...LETTERS, "+"), { minLength: 0, maxLength: 3 }), fc.boolean())
  .map(([levels, isOpen]) => (isOpen || levels.length === 0 ? [...levels.slice(0, 2), "#"] : levels).join("/"))
  .filter((each) => each !== "");

test("a filter covers another if it matches each name that the other matches", () => {
  fc.assert(
    fc.property(filter, filter, (one, other) => {
      const matched = names.filter((name) => topicFilterMatches(other, name));
      expect(covers(one, other)).toBe(matched.every((name) => topicFilterMatches(one, name)));
    }),
    { numRuns: 2_000 },
  );
});

test("two filters overlap if a name matches both, in either order", () => {
  fc.assert(
    fc.property(filter, filter, (one, other) => {
      const common = names.some((name) => topicFilterMatches(one, name) && topicFilterMatches(other, name));
      expect([overlaps(one, other), overlaps(other, one)]).toEqual([common, common]);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  ["#", "a/#", true],
  ["#", "+/b", true],
  ["+/#", "#", true],
  ["a/#", "a", true],
  ["a/#", "a/+/b", true],
  ["a/+", "a/#", false],
  ["a/+", "a", false],
  ["+", "#", false],
  ["a/b", "a/+", false],
  ["#", "$SYS/#", false],
  ["+/#", "$SYS/x", false],
  ["$SYS/#", "$SYS/broker/+", true],
  ["$SYS/#", "#", false],
  ["/#", "/", true],
  ["/+", "/", true],
])("%s covers %s: %s", (one, other, expected) => {
  expect(covers(one, other)).toBe(expected);
});

test.each([
  ["a/+", "+/b", true],
  ["a/#", "+", true],
  ["a/#", "b/#", false],
  ["#", "$SYS/#", false],
  ["+/x", "$SYS/x", false],
  ["$SYS/+", "$SYS/#", true],
  ["a/b", "a/b/#", true],
  ["a/b", "a/b/+", false],
])("%s overlaps %s: %s", (one, other, expected) => {
  expect(overlaps(one, other)).toBe(expected);
});

test("one level more than the other filter has is enough", () => {
  fc.assert(
    fc.property(filter, filter, (one, other) => {
      const levels = filterLevels(one);
      const cut = filterLevels(other, levels.length + 1);
      expect(coverage.covers(levels, cut)).toBe(covers(one, other));
      expect(coverage.overlaps(levels, cut)).toBe(overlaps(one, other));
    }),
  );
});

test("a filter of 65,535 levels takes linear time, and no recursion", () => {
  const deep = "+/".repeat(32_767);
  expect(covers(`${deep}#`, `${deep}a`)).toBe(true);
  expect(overlaps(`${deep}a`, `${deep}b`)).toBe(false);
});
