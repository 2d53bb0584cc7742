import { sharedFilterProblem, topicFilterMatches, topicFilterProblem, topicNameProblem } from "@aiko/mqtt/topic";
import { expect, test } from "vitest";

const deep = "/".repeat(65_535);

test("a name and a filter of 65,535 slashes are valid, and match", () => {
  expect(topicNameProblem(deep)).toBeUndefined();
  expect(topicFilterProblem(deep)).toBeUndefined();
  expect(topicFilterMatches(deep, deep)).toBe(true);
  expect(topicFilterMatches(deep.slice(1), deep)).toBe(false);
  expect(topicFilterMatches("#", deep)).toBe(true);
  expect(topicFilterMatches(`${"/".repeat(65_534)}#`, deep)).toBe(true);
  expect(topicFilterMatches(`${"+/".repeat(32_767)}#`, deep)).toBe(true);
});

test("a shared filter of the same depth is valid", () => {
  expect(sharedFilterProblem(`$share/g/${"/".repeat(65_526)}`)).toBeUndefined();
});
