// The whole benchmark. Measures each case alternately (ours, peer, next peer, ours …), each in its own process, then calculates medians and ratios.
//
//   npm run bench                        everything, five rounds: writes bench/results.json, docs/performance.md and its plots
//   npm run bench -- --quick             a quick run: a quarter of the messages, one round; writes nothing
//   npm run bench -- --case "QoS 1"      the cases with this text in their name or group; their results replace earlier ones
//   npm run bench -- --rounds 9
//   npm run bench -- --against DIR       compares with another checkout, which must be built; writes nothing
//   npm run bench -- --list
//   npm run bench -- --document          measures nothing; writes the document from bench/results.json again
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { compare } from "./compare.js";
import { writeDocument } from "./document.js";
import { machine } from "./machine.js";
import { Place } from "./place.js";
import { figureOf, format, judge, ratio, summaries } from "./result.js";

/**
 * @typedef {import("./case.ts").Case} Case
 * @typedef {import("./case.ts").Result} Result
 */

const kinds = [
  "throughput",
  "codec",
  "connections",
  "latency",
  "processor",
  "sweeps",
  "large",
  "shell",
  "broker",
  "size",
];
const resultsFile = new URL("results.json", import.meta.url);
/** The minimum number of rounds for the document and its plots. */
const ROUNDS = 5;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    case: { type: "string", multiple: true, default: [] },
    rounds: { type: "string" },
    against: { type: "string" },
    list: { type: "boolean", default: false },
    document: { type: "boolean", default: false },
  },
});
const rounds = options.rounds === undefined ? (options.quick ? 1 : ROUNDS) : Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds ${options.rounds}: must be a number from 1`);

/** @type {{ default: Case[] }[]} */
const modules = await Promise.all(kinds.map((kind) => import(`./cases/${kind}.js`)));
const cases = modules.flatMap((each) => each.default);
const chosen = cases.filter(
  ({ name, group }) =>
    options.case.length === 0 || options.case.some((part) => name.includes(part) || group.includes(part)),
);
if (chosen.length === 0) throw new Error(`--case ${options.case}: no case has this text in its name or group`);

/** @type {import("./case.ts").Results | undefined} */
const earlier = existsSync(resultsFile) ? JSON.parse(readFileSync(resultsFile, "utf8")) : undefined;

if (options.list) {
  for (const { name, group } of chosen) console.log(`${group.padEnd(12)} ${name}`);
} else if (options.document) {
  if (earlier === undefined) throw new Error("--document: bench/results.json is missing; run `npm run bench` first");
  writeDocument(cases, earlier);
} else if (options.against !== undefined) {
  await compare(chosen, kinds, options.against, rounds, options.quick ? 0.25 : 1);
} else {
  await run();
}

async function run() {
  if (!existsSync(new URL("../packages/mqtt/dist/index.js", import.meta.url)))
    throw new Error("run `npm run build` first");
  const start = performance.now();
  const place = new Place(options.quick ? 0.25 : 1);
  /** @type {Record<string, Result>} */
  const results = {};
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => {
      place.close();
      process.exit(1);
    });
  }
  try {
    for (const each of chosen) {
      const result = await measure(each, place);
      results[each.name] = result;
      print(each, result);
    }
  } finally {
    place.close();
  }
  console.log(`\n${Math.round((performance.now() - start) / 1000)} s`);
  if (options.quick) {
    console.log("written: nothing, because this was a quick run");
  } else {
    const whole = { machine: machine(), cases: { ...earlier?.cases, ...results } };
    writeFileSync(resultsFile, `${JSON.stringify(whole, rounded, 2)}\n`);
    writeDocument(cases, whole);
    console.log("written: bench/results.json, docs/performance.md and its plots");
  }
  if (Object.values(results).some(({ contenders }) => contenders["ours"]?.failed)) process.exitCode = 1;
}

/** @param {Case} measured @param {Place} place @returns {Promise<Result>} */
async function measure({ contenders, once = false }, place) {
  /** @type {Record<string, import("./case.ts").Figures[]>} */
  const samples = {};
  /** @type {Record<string, string>} */
  const failed = {};
  for (let round = 0; round < (once ? 1 : rounds); round++) {
    for (const [name, contender] of Object.entries(contenders)) {
      if (failed[name] !== undefined) continue;
      try {
        const figures = await contender(place);
        samples[name] = [...(samples[name] ?? []), figures];
      } catch (error) {
        failed[name] = error instanceof Error ? error.message : String(error);
      }
    }
  }
  /** @param {string} name @returns {import("./case.ts").Outcome} */
  const outcome = (name) => (failed[name] === undefined ? summaries(samples[name] ?? []) : { failed: failed[name] });
  return {
    measured: new Date().toISOString(),
    rounds: once ? 1 : rounds,
    contenders: Object.fromEntries(Object.keys(contenders).map((name) => [name, outcome(name)])),
  };
}

/** @param {Case} printed @param {Result} result */
function print({ rows, contenders }, result) {
  for (const row of rows) {
    console.log(row.name);
    for (const name of row.contenders ?? Object.keys(contenders)) {
      const outcome = result.contenders[name];
      if (outcome === undefined) continue;
      const times = name === "ours" ? undefined : ratio(result, row, name);
      const value = outcome.failed ?? format(figureOf(result, name, row.figure), row.unit);
      const compared = times === undefined ? "" : `   ours is ${format(times, "×")} as good`;
      const note = outcome.failed === undefined && outcome.note ? `   ${JSON.stringify(outcome.note)}` : "";
      console.log(`  ${name.padEnd(28)} ${value.padStart(10)}${compared}${note}`);
    }
    for (const goal of row.goals) {
      const { words, measured, unit, reached } = judge(result, row, goal);
      const verdict = reached === undefined ? "not measured" : reached ? "reached" : "NOT reached";
      console.log(`  goal: ${words}: ${format(measured, unit)}, ${verdict}`);
    }
  }
}

/** Rounds to five digits; the measurements are less precise. @param {string} _key @param {unknown} value */
function rounded(_key, value) {
  return typeof value === "number" ? Number(value.toPrecision(5)) : value;
}
