import { TopicNameTree, TopicTree, topicFilterMatches } from "@aiko/mqtt/topic";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { filter, matchesByDefinition, name } from "./topic-oracle.ts";

function treeMatches(filter: string, name: string): boolean {
  const tree = new TopicTree<string>();
  tree.add(filter, filter);
  const found: string[] = [];
  tree.match(name, (value) => found.push(value));
  return found.length === 1;
}

function nameTreeMatches(filter: string, name: string): boolean {
  const tree = new TopicNameTree<string>();
  tree.set(name, name);
  const found: string[] = [];
  tree.match(filter, (value) => found.push(value));
  return found.length === 1;
}

const matchers = { topicFilterMatches, treeMatches, nameTreeMatches, matchesByDefinition };

const table: readonly (readonly [filter: string, matching: readonly string[], others: readonly string[]])[] = [
  ["a", ["a"], ["b", "ab", "a/", "/a", "a/b", "A"]],
  ["a/b", ["a/b"], ["a", "a/", "a/bc", "a/b/", "a/b/c", "ab"]],
  ["#", ["a", "/", "a/b", "a/b/c", "//"], ["$SYS", "$SYS/a", "$"]],
  ["a/#", ["a", "a/", "a/b", "a/b/c", "a//"], ["b", "ab", "ab/c", "/a", "aa"]],
  ["a/b/#", ["a/b", "a/b/", "a/b/c"], ["a", "a/bc", "a/c/b"]],
  ["/#", ["/", "/a", "//", "/a/b"], ["a", "a/b"]],
  ["+", ["a", "ab"], ["a/b", "/a", "/", "$a"]],
  ["+/+", ["a/b", "/", "/a", "a/"], ["a", "a/b/c", "$a/b"]],
  ["/+", ["/", "/a"], ["a", "//", "/a/b"]],
  ["a/+", ["a/b", "a/"], ["a", "a/b/c", "ab"]],
  ["a/+/c", ["a/b/c", "a//c"], ["a/c", "a/b/b/c", "a/b"]],
  ["a/+/#", ["a/b", "a/", "a/b/c", "a//"], ["a", "b/c"]],
  ["+/#", ["a", "a/b", "/", "/a"], ["$SYS", "$SYS/a"]],
  ["+/a/#", ["b/a", "/a", "b/a/c"], ["a", "$SYS/a"]],
  ["$SYS/#", ["$SYS", "$SYS/", "$SYS/a/b"], ["SYS/a", "$SYSa", "a/$SYS"]],
  ["$SYS/+", ["$SYS/a", "$SYS/"], ["$SYS", "$SYS/a/b"]],
  ["a/$b", ["a/$b"], ["$b", "a/b"]],
  ["a/#", ["a/$b"], []],
  ["sport/+/player1", ["sport/tennis/player1"], ["sport/tennis/player2", "sport/player1"]],
];

describe.each(Object.entries(matchers))("by %s", (_, matches) => {
  test.each(table)("%s matches exactly the names that it must", (filter, matching, others) => {
    for (const name of matching) expect(matches(filter, name), name).toBe(true);
    for (const name of others) expect(matches(filter, name), name).toBe(false);
  });
});

test("the function and both trees match according to the definition", () => {
  let matching = 0;
  fc.assert(
    fc.property(filter, name, (filter, name) => {
      const expected = matchesByDefinition(filter, name);
      if (expected) matching++;
      expect(topicFilterMatches(filter, name)).toBe(expected);
      expect(treeMatches(filter, name)).toBe(expected);
      expect(nameTreeMatches(filter, name)).toBe(expected);
    }),
    { numRuns: 5000 },
  );
  expect(matching).toBeGreaterThan(250);
});
