// Every message that the broker acknowledged is delivered, and none of QoS 2 twice, whenever its process or the power
// fails. `npm run chaos -- --broker --persist` runs more seeds; PERSISTENCE_SEED repeats one.
import { expect, test } from "vitest";
import { simulate } from "./power-simulation.ts";

const SEEDS = 200;
const only = process.env["PERSISTENCE_SEED"];
const first = only === undefined ? Date.now() % 1_000_000_000 : Number(only);

test("an acknowledged message survives crashes, power failures and a full disk", async () => {
  const sum = { acknowledged: 0, deaths: 0, refusedWrites: 0 };
  for (let seed = first; seed < first + (only === undefined ? SEEDS : 1); seed++) {
    const { violations, acknowledged, deaths, refusedWrites } = await simulate(seed);
    expect(violations, `PERSISTENCE_SEED=${seed}`).toEqual([]);
    sum.acknowledged += acknowledged;
    sum.deaths += deaths;
    sum.refusedWrites += refusedWrites;
  }
  if (only !== undefined) return;
  expect(sum.acknowledged).toBeGreaterThan(10 * SEEDS);
  expect(sum.deaths).toBeGreaterThan(2 * SEEDS);
  expect(sum.refusedWrites).toBeGreaterThan(SEEDS / 10);
});
