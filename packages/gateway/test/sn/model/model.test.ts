// `npm run model:sn` tells many more stories.
import { expect, test } from "vitest";
import { story } from "./model.ts";

const STORIES = 200;

test(`in ${STORIES} stories of a bad link, QoS 1 comes at least once, QoS 2 once, in order, and sleepers get all`, async () => {
  const counts = { up: 0, down: 0, unknown: 0, lost: 0 };
  for (let seed = 1; seed <= STORIES; seed++) {
    const { broken, counts: each } = await story(seed);
    expect(broken).toEqual([]);
    for (const key of Object.keys(counts) as (keyof typeof counts)[]) counts[key] += each[key];
  }
  // The stories are worth something: most messages are sent, and gateways are lost.
  expect(counts.up + counts.down).toBeGreaterThan(25 * STORIES);
  expect(counts.unknown).toBeLessThan(0.1 * (counts.up + counts.down));
  expect(counts.lost).toBeGreaterThan(STORIES / 20);
});
