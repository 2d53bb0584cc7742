// Measures the cost of a change: compares this library with another checkout of it, alternately, in one run. Measures no other clients.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Place } from "./place.js";
import { figureIn, format, summary } from "./result.js";

/**
 * @typedef {import("./case.ts").Case} Case
 * @typedef {import("./case.ts").Contender} Contender
 * @typedef {[ours: import("./case.ts").Figures, theirs: import("./case.ts").Figures]} Sample
 */

/**
 * Prints the median of the ratios of all rounds for each row, and returns it. The two are measured one after the other. The order changes with each
 * round, so that the drift of the machine favours neither.
 *
 * @param {Case[]} cases those of this checkout
 * @param {string[]} kinds
 * @param {string} folder the other checkout, built, with the packages of its `bench/`
 * @param {number} rounds
 * @param {number} scale
 */
export async function compare(cases, kinds, folder, rounds, scale) {
  const bench = join(resolve(folder), "bench");
  if (!existsSync(join(bench, "../packages/mqtt/dist/index.js")))
    throw new Error(`--against ${folder}: must be a checkout with its packages, built (npm ci && npm run build)`);
  /** @param {string} path */
  const load = (path) => import(pathToFileURL(join(bench, path)).href);
  /** @type {{ default: Case[] }[]} */
  const modules = await Promise.all(kinds.map((kind) => load(`cases/${kind}.js`)));
  const others = modules.flatMap((each) => each.default);
  /** @type {{ Place: typeof Place }} */
  const { Place: OtherPlace } = await load("place.js");
  /** @type {[Place, Place]} */
  const sides = [new (steady(Place))(scale), new (steady(OtherPlace))(scale)];
  const stop = () => {
    for (const side of sides) side.close();
  };
  for (const signal of ["SIGINT", "SIGTERM"])
    process.once(signal, () => {
      stop();
      process.exit(1);
    });
  /** @type {{ name: string, ratio: number | undefined }[]} */
  const results = [];
  try {
    for (const each of cases) {
      const ours = each.contenders["ours"];
      const theirs = others.find(({ name }) => name === each.name)?.contenders["ours"];
      if (ours === undefined || theirs === undefined) continue;
      try {
        const samples = await alternately([ours, theirs], sides, each.once ? 1 : rounds);
        for (const row of each.rows)
          if (!results.some(({ name }) => name === row.name)) results.push(print(row, samples));
      } catch (error) {
        console.log(`${each.name.padEnd(62)} not measured: ${error instanceof Error ? error.message : error}`);
      }
    }
  } finally {
    stop();
  }
  return results;
}

/**
 * A place whose programs have V8's young generation at its full size from the start. Otherwise, V8 enlarges it once enough objects have survived,
 * and the program is up to 8 % slower after that. The run of one side takes a second. It may end before that moment, and the run of the other side
 * after it. A library that loads half a megabyte more would then seem slower in every case.
 *
 * @param {typeof Place} Base
 */
function steady(Base) {
  return class extends Base {
    /**
     * @override
     * @template {import("./programs/interface.ts").ProgramName} Name
     * @param {Name} name
     * @param {import("./programs/interface.ts").Given<Name>} settings
     */
    program(name, settings, nodeOptions = ["--min-semi-space-size=16"]) {
      return super.program(name, settings, nodeOptions);
    }
  };
}

/**
 * Returns the figures of both in each round.
 *
 * @param {[ours: Contender, theirs: Contender]} contenders
 * @param {[ours: Place, theirs: Place]} places
 * @param {number} rounds
 */
async function alternately([ours, theirs], [ourPlace, theirPlace], rounds) {
  /** @type {Sample[]} */
  const samples = [];
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) {
      const first = await ours(ourPlace);
      samples.push([first, await theirs(theirPlace)]);
    } else {
      const first = await theirs(theirPlace);
      samples.push([await ours(ourPlace), first]);
    }
  }
  return samples;
}

/** @param {import("./case.ts").Row} row @param {Sample[]} samples */
function print({ name, figure, unit, better }, samples) {
  const complete = samples
    .map(([ours, theirs]) => ({ ours: figureIn(ours, figure) ?? 0, theirs: figureIn(theirs, figure) ?? 0 }))
    .filter(({ ours, theirs }) => ours > 0 && theirs > 0);
  if (complete.length === 0) return { name, ratio: undefined };
  const ratios = complete.map(({ ours, theirs }) => (better === "more" ? ours / theirs : theirs / ours));
  const { median, lowest, highest } = summary(ratios);
  /** @param {"ours" | "theirs"} side */
  const value = (side) => format(summary(complete.map((each) => each[side])).median, unit).padStart(10);
  const span = ratios.length > 1 ? ` (${lowest.toFixed(2)} to ${highest.toFixed(2)})` : "";
  console.log(`${name.padEnd(62)} ${value("theirs")} → ${value("ours")}   ${median.toFixed(3)} ×${span}`);
  return { name, ratio: median };
}
