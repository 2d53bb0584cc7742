/** Tells the stories of many seeds. See scripts/model-sn.js. */

import { parseArgs } from "node:util";
import { story } from "./model.ts";

/** Broken laws after which a run ends. */
const ENOUGH = 10;

/** Returns the exit code. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: { seeds: { type: "string" }, from: { type: "string" }, log: { type: "boolean" } },
  });
  const from = Number(values.from ?? 1);
  const to = from + Number(values.seeds ?? 10_000) - 1;
  const all = { up: 0, down: 0, unknown: 0, lost: 0 };
  const found: string[] = [];
  for (let seed = from; seed <= to && found.length < ENOUGH; seed++) {
    const { broken, log, counts } = await story(seed);
    found.push(...broken);
    if (values.log === true) console.log(log.join("\n"));
    for (const key of Object.keys(all) as (keyof typeof all)[]) all[key] += counts[key];
  }
  const { up, down, unknown, lost } = all;
  console.log(`seeds ${from} to ${to}: ${up} messages up, ${down} down, ${unknown} with an unknown outcome`);
  console.log(`the gateway was lost ${lost} times; ${found.length} laws were broken`);
  for (const law of found) console.error(law);
  return found.length === 0 ? 0 : 1;
}
