import { TopicTree } from "@aiko/mqtt/topic";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lookups } from "./lookups.ts";
import { filter, matchesByDefinition, name } from "./topic-oracle.ts";

function found<Value>(tree: TopicTree<Value>, topicName: string): Value[] {
  const values: Value[] = [];
  tree.match(topicName, (value) => values.push(value));
  return values;
}

/** How many nodes are below the root: the memory that the tree uses. */
function branches(tree: TopicTree<unknown>): number {
  type Node = { children: Map<string, Node> | undefined };
  const stack = [(tree as unknown as { root: Node }).root];
  let count = -1;
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    count++;
    stack.push(...(node.children?.values() ?? []));
  }
  return count;
}

test("after any insertions and deletions, the tree finds what a list of pairs finds", () => {
  const step = fc.record({ add: fc.boolean(), filter, value: fc.constantFrom("x", "y") });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.array(name, { maxLength: 10 }), (steps, names) => {
      const tree = new TopicTree<string>();
      const pairs = new Map<string, { filter: string; value: string }>();
      for (const { add, filter, value } of steps) {
        const key = JSON.stringify([filter, value]);
        if (add) expect(tree.add(filter, value)).toBe(!pairs.has(key));
        else expect(tree.delete(filter, value)).toBe(pairs.has(key));
        if (add) pairs.set(key, { filter, value });
        else pairs.delete(key);
        expect(tree.size).toBe(pairs.size);
      }
      for (const name of names) {
        const expected = [...pairs.values()].filter(({ filter }) => matchesByDefinition(filter, name));
        expect(found(tree, name).sort()).toEqual(expected.map(({ value }) => value).sort());
      }
      for (const { filter, value } of pairs.values()) expect(tree.delete(filter, value)).toBe(true);
      expect(tree.size).toBe(0);
      expect(branches(tree)).toBe(0);
    }),
    { numRuns: 500 },
  );
});

test("a value under several filters is returned once for each that matches", () => {
  const tree = new TopicTree<number>();
  for (const filter of ["a/b", "a/+", "+/b", "#", "a/#", "a/b/#", "b"]) tree.add(filter, 1);
  expect(found(tree, "a/b")).toEqual([1, 1, 1, 1, 1, 1]);
});

describe("deleting", () => {
  test("has no effect if the pair does not exist", () => {
    const tree = new TopicTree<number>();
    tree.add("a/b", 1);
    for (const filter of ["a", "a/b/c", "a/+", "a/b/#", "#", "x"]) expect(tree.delete(filter, 1)).toBe(false);
    expect(tree.delete("a/b", 2)).toBe(false);
    expect(tree.size).toBe(1);
    expect(found(tree, "a/b")).toEqual([1]);
  });

  test("keeps branches that other pairs still need", () => {
    const tree = new TopicTree<number>();
    for (const filter of ["a/b/c", "a/b", "a/b/#"]) tree.add(filter, 1);
    tree.delete("a/b/c", 1);
    expect(found(tree, "a/b")).toEqual([1, 1]);
    tree.delete("a/b", 1);
    expect(found(tree, "a/b")).toEqual([1]);
    expect(branches(tree)).toBe(2);
  });

  test("keeps a tree with short-lived filters small", () => {
    const tree = new TopicTree<number>();
    tree.add("kept/+", 0);
    for (let i = 0; i < 50_000; i++) {
      tree.add(`device/${i}/+/state`, i);
      tree.add(`kept/${i}/#`, i);
      tree.delete(`device/${i}/+/state`, i);
      tree.delete(`kept/${i}/#`, i);
    }
    expect(tree.size).toBe(1);
    expect(branches(tree)).toBe(2);
  });
});

describe("matching", () => {
  test("is not slower because of ten thousand filters that do not match", () => {
    const tree = new TopicTree<number>();
    for (const filter of ["a/b/c", "a/+/c", "#", "a/#"]) tree.add(filter, 1);
    const match = () => found(tree, "a/b/c");
    const alone = lookups(match);
    for (let i = 0; i < 10_000; i++) tree.add(i % 2 ? `other/${i}/c` : `a/${i}/+`, i);
    expect(lookups(match)).toBe(alone);
    expect(match()).toHaveLength(4);
    expect(alone).toBeGreaterThan(3);
  });

  test("handles 65,535 levels without recursion", () => {
    const tree = new TopicTree<string>();
    const deep = "/".repeat(65_535);
    const wild = `${"+/".repeat(32_767)}#`;
    for (const filter of [deep, wild, `${"/".repeat(65_534)}#`]) tree.add(filter, "deep");
    expect(found(tree, deep)).toHaveLength(3);
    expect(found(tree, "/".repeat(40_000))).toEqual(["deep"]);
    for (const filter of [deep, wild, `${"/".repeat(65_534)}#`]) expect(tree.delete(filter, "deep")).toBe(true);
    expect(branches(tree)).toBe(0);
  });

  test("is safe with names of an object's inherited members", () => {
    const tree = new TopicTree<number>();
    expect(found(tree, "__proto__/constructor")).toEqual([]);
    tree.add("__proto__/+", 1);
    expect(found(tree, "__proto__/constructor")).toEqual([1]);
  });
});
