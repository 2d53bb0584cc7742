// Shows what a change costs: compares this library with another checkout of it, alternately, in one run. Measures no peers.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Place } from "./place.js";
import { format, summary } from "./result.js";

/**
 * Prints the median of the ratios of all rounds for each row, and returns it. The two are measured one after the other, and the one that
 * goes first changes with each round, so that a machine that drifts favours neither.
 *
 * @param cases those of this checkout
 * @param folder the other checkout, built, with the packages of its `bench/`
 */
export async function compare(cases, kinds, folder, rounds, scale) {
  const bench = join(resolve(folder), "bench");
  if (!existsSync(join(bench, "../packages/mqtt/dist/index.js")))
    throw new Error(`--against ${folder}: must be a checkout with its packages, built (npm ci && npm run build)`);
  const load = (path) => import(pathToFileURL(join(bench, path)).href);
  const others = (await Promise.all(kinds.map((kind) => load(`cases/${kind}.js`)))).flatMap((each) => each.default);
  const { Place: OtherPlace } = await load("place.js");
  const sides = [new (steady(Place))(scale), new (steady(OtherPlace))(scale)];
  const stop = () => {
    for (const side of sides) side.close();
  };
  for (const signal of ["SIGINT", "SIGTERM"])
    process.once(signal, () => {
      stop();
      process.exit(1);
    });
  const results = [];
  try {
    for (const each of cases) {
      const other = others.find(({ name }) => name === each.name);
      if (other === undefined || each.contenders.ours === undefined) continue;
      try {
        const samples = await alternately([each, other], sides, each.once ? 1 : rounds);
        for (const row of each.rows)
          if (!results.some(({ name }) => name === row.name)) results.push(print(row, samples));
      } catch (error) {
        console.log(`${each.name.padEnd(62)} not measured: ${error.message}`);
      }
    }
  } finally {
    stop();
  }
  return results;
}

/**
 * A place whose programs have V8's young generation at its full size from the start. V8 enlarges it once so much has survived, and a program
 * is up to 8 % slower from then on. A second's run of one side may end before that moment and the other's after it, so that a library of
 * which half a megabyte more is loaded would seem slower at everything.
 */
function steady(Base) {
  return class extends Base {
    program(name, settings, nodeOptions = ["--min-semi-space-size=16"]) {
      return super.program(name, settings, nodeOptions);
    }
  };
}

/** The figures of both in each round. */
async function alternately(pair, sides, rounds) {
  const samples = [];
  for (let round = 0; round < rounds; round++) {
    const figures = [];
    for (const side of round % 2 === 0 ? [0, 1] : [1, 0]) figures[side] = await pair[side].contenders.ours(sides[side]);
    samples.push(figures);
  }
  return samples;
}

function print({ name, figure, unit, better }, samples) {
  const complete = samples.filter(([ours, theirs]) => ours[figure] > 0 && theirs[figure] > 0);
  if (complete.length === 0) return { name, ratio: undefined };
  const ratios = complete.map(([ours, theirs]) =>
    better === "more" ? ours[figure] / theirs[figure] : theirs[figure] / ours[figure],
  );
  const { median, lowest, highest } = summary(ratios);
  const value = (side) => format(summary(complete.map((pair) => pair[side][figure])).median, unit);
  const span = ratios.length > 1 ? ` (${lowest.toFixed(2)} to ${highest.toFixed(2)})` : "";
  console.log(`${name.padEnd(62)} ${value(1).padStart(10)} → ${value(0).padStart(10)}   ${median.toFixed(3)} ×${span}`);
  return { name, ratio: median };
}
