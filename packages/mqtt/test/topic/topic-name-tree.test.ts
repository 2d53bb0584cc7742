import { TopicNameTree } from "@aiko/mqtt/topic";
import fc from "fast-check";
import { expect, test } from "vitest";
import { lookups } from "./lookups.ts";
import { filter, matchesByDefinition, name } from "./topic-oracle.ts";

function found<Value>(tree: TopicNameTree<Value>, topicFilter: string): Value[] {
  const values: Value[] = [];
  tree.match(topicFilter, (value) => values.push(value));
  return values;
}

/** Whether the tree has only its root. */
function isBare(tree: TopicNameTree<unknown>): boolean {
  return (tree as unknown as { root: { children: unknown } }).root.children === undefined;
}

test("after any insertions and deletions, the tree finds what a map of names finds", () => {
  const step = fc.record({ set: fc.boolean(), name, value: fc.integer({ min: 0, max: 9 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.array(filter, { maxLength: 10 }), (steps, filters) => {
      const tree = new TopicNameTree<number>();
      const map = new Map<string, number>();
      for (const { set, name, value } of steps) {
        if (set) {
          tree.set(name, value);
          map.set(name, value);
        } else {
          expect(tree.delete(name)).toBe(map.delete(name));
        }
        expect(tree.size).toBe(map.size);
        expect(tree.get(name)).toBe(map.get(name));
      }
      for (const filter of filters) {
        const expected = [...map].filter(([name]) => matchesByDefinition(filter, name)).map(([, value]) => value);
        expect(found(tree, filter).sort()).toEqual(expected.sort());
      }
      for (const name of map.keys()) expect(tree.delete(name)).toBe(true);
      expect(tree.size).toBe(0);
      expect(isBare(tree)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test.each(["#", "+", "a/#", "+/+"])("%s visits until the callback stops it", (filter) => {
  const tree = new TopicNameTree<number>();
  for (let i = 0; i < 10; i++) {
    tree.set(`x${i}`, i);
    tree.set(`a/${i}`, i);
  }
  let visits = 0;
  tree.match(filter, () => ++visits < 3);
  expect(visits).toBe(3);
});

test("forEach visits every name, including names that begin with $", () => {
  const tree = new TopicNameTree<number>();
  for (const [i, name] of ["a", "a/b", "$x/y", "/"].entries()) tree.set(name, i);
  const values: number[] = [];
  tree.forEach((value) => void values.push(value));
  expect(values.sort()).toEqual([0, 1, 2, 3]);
});

test("a name has no value just because names below it have one", () => {
  const tree = new TopicNameTree<number>();
  tree.set("a/b/c", 1);
  expect(tree.get("a/b")).toBeUndefined();
  expect(tree.get("a/b/c/d")).toBeUndefined();
  expect(tree.delete("a/b")).toBe(false);
  expect(tree.delete("a/b/x")).toBe(false);
  expect(found(tree, "a/+")).toEqual([]);
  expect(tree.size).toBe(1);
});

test("a tree with short-lived names stays small", () => {
  const tree = new TopicNameTree<number>();
  for (let i = 0; i < 50_000; i++) {
    tree.set(`device/${i}/state`, i);
    tree.delete(`device/${i}/state`);
  }
  expect(tree.size).toBe(0);
  expect(isBare(tree)).toBe(true);
});

test("values may be deleted while they are visited", () => {
  const tree = new TopicNameTree<string>();
  for (const name of ["a/1", "a/2", "a/2/x", "b"]) tree.set(name, name);
  const visited: string[] = [];
  tree.match("#", (name) => {
    visited.push(name);
    tree.delete(name);
  });
  expect(visited.sort()).toEqual(["a/1", "a/2", "a/2/x", "b"]);
  expect(tree.size).toBe(0);
});

test("matching is not slower because of ten thousand other names", () => {
  const tree = new TopicNameTree<number>();
  for (const name of ["a/1/c", "a/2/c", "a/2/d"]) tree.set(name, 1);
  const match = () => found(tree, "a/+/c");
  const alone = lookups(match);
  for (let i = 0; i < 10_000; i++) tree.set(`other/${i}/c`, i);
  expect(lookups(match)).toBe(alone);
  expect(match()).toHaveLength(2);
});

test("it handles 65,535 levels without recursion", () => {
  const tree = new TopicNameTree<string>();
  const deep = "/".repeat(65_535);
  tree.set(deep, "deep");
  expect(tree.get(deep)).toBe("deep");
  for (const filter of [deep, "#", "/#", `${"+/".repeat(32_767)}#`]) expect(found(tree, filter)).toEqual(["deep"]);
  expect(found(tree, `${"+/".repeat(32_767)}+`)).toEqual([]);
  expect(tree.delete(deep)).toBe(true);
  expect(isBare(tree)).toBe(true);
});

test("find yields each name that stays once, whatever is added and deleted meanwhile", () => {
  const change = fc.record({ set: fc.boolean(), name });
  fc.assert(
    fc.property(
      fc.array(name, { maxLength: 40 }),
      filter,
      fc.array(change, { maxLength: 40 }),
      (names, filter, changes) => {
        const tree = new TopicNameTree<string>();
        for (const each of names) tree.set(each, each);
        const touched = new Set(changes.map(({ name }) => name));
        const left = [...changes];
        const values: string[] = [];
        for (const value of tree.find(filter)) {
          values.push(value);
          const { set, name } = left.shift() ?? { set: false, name: "" };
          if (set) tree.set(name, name);
          else if (name !== "") tree.delete(name);
        }
        const staying = [...new Set(names)].filter((each) => !touched.has(each) && matchesByDefinition(filter, each));
        for (const each of staying) expect(values.filter((value) => value === each)).toEqual([each]);
        for (const value of values) expect(matchesByDefinition(filter, value)).toBe(true);
      },
    ),
    { numRuns: 500 },
  );
});
