import { expect, test } from "vitest";
import { growth } from "../../../../test/fixtures/effort.ts";
import { TopicNameTree } from "../../src/topic/topic-name-tree.ts";
import { TopicTree } from "../../src/topic/topic-tree.ts";

const FEW = 5_000;
const MANY = 40_000;

/** Names whose levels collide in a weak hash, share a long prefix, or are named like members of objects. */
const families: [string, (i: number) => string][] = [
  ["names", (i) => `${i.toString(2).padStart(20, "0").replaceAll("0", "Aa").replaceAll("1", "BB")}/x`],
  ["names of one prefix", (i) => `${"a/".repeat(30)}${i}`],
  ["numbers", (i) => `${i}/${i * 2 ** 20}`],
  ["names of an object's own", (i) => `__proto__/constructor/${i}/hasOwnProperty`],
];

test.each(families)("%s that are made to look alike take linear time", async (_, name) => {
  const run = (count: number) => () => {
    const names = new TopicNameTree<number>();
    const filters = new TopicTree<number>();
    let found = 0;
    for (let i = 0; i < count; i++) {
      names.set(name(i), i);
      filters.add(name(i), i);
    }
    for (let i = 0; i < count; i++) filters.match(name(i), () => found++);
    for (let i = 0; i < count; i++) filters.delete(name(i), i);
    expect([found, filters.size]).toEqual([count, 0]);
  };
  const tooMuch = (4 * MANY) / FEW;
  expect(await growth(run(FEW), run(MANY), tooMuch)).toBeLessThan(tooMuch);
});
