// @ts-check
// Coverage-guided fuzzing of all code that reads bytes from outside.
//
//   node --conditions=module scripts/fuzz.js [--seconds 60] [--seed N] [--target NAME]
//
// Groups of targets run one after the other and share the time; --target, which may be repeated, selects some (see
// fuzz/targets.js). Mutations start from the wire vectors and similar inputs; an input that reaches new code joins the
// corpus. A finding is an exception that is not a typed error, a promise that does not settle, or an input that takes
// far longer than its length explains. Findings are printed as hex and fail the run; add a test for each of them. The
// heap growth is printed for information.
import { parseArgs } from "node:util";
import { SeededRandom } from "@aiko/mqtt/testing";
import { Coverage } from "./fuzz/coverage.js";
import { mutate } from "./fuzz/inputs.js";
import { groups } from "./fuzz/targets.js";

const { values } = parseArgs({
  options: { seconds: { type: "string" }, seed: { type: "string" }, target: { type: "string", multiple: true } },
});
const seconds = integer("seconds", values.seconds ?? "60");
const seed = integer("seed", values.seed ?? String(Date.now() % 1e9));
const chosen = values.target ?? Object.keys(groups);

/** Inputs between two checks of the coverage; if an input takes a millisecond, checks are more frequent. */
const BATCH = 200;
/** The time limit of a batch, in milliseconds. */
const LONGEST_BATCH = 1_000;
/** The size of the corpus, and how many of the oldest inputs are dropped when it is exceeded. */
const MOST_KEPT = 20_000;
const FORGOTTEN = 5_000;
/** Findings after which a run ends. */
const ENOUGH = 10;
/** The time limit for each byte of an input, in microseconds; and how many times the slowest input is repeated at most. */
const SLOW = 100;
const REPEATS = 5;

/** Errors that nothing caught while an input ran. @type {unknown[]} */
const uncaught = [];
process.on("uncaughtException", (error) => uncaught.push(error));
process.on("unhandledRejection", (error) => uncaught.push(error));

/** One group of targets and its findings. */
class Run {
  /** @type {string[]} */
  findings = [];
  executions = 0;
  /** The slowest input for its length, in microseconds for each byte. @type {{ perByte: number, input: Uint8Array }} */
  slowest = { perByte: 0, input: new Uint8Array(0) };

  /** @param {readonly import("./fuzz/targets.js").Target[]} targets */
  constructor(targets) {
    this.targets = targets;
  }

  /**
   * Resolves to its processor time, in microseconds for each of its bytes and of 200 more, which stand for the cost of
   * any input.
   *
   * @param {Uint8Array} input
   */
  async execute(input) {
    const target = this.targets[(input[0] ?? 0) % this.targets.length];
    const started = process.cpuUsage();
    try {
      const done = target?.(input.subarray(1));
      if (done !== undefined) await done;
    } catch (error) {
      this.found(input, error);
    }
    for (const error of uncaught.splice(0)) this.found(input, error);
    const { user, system } = process.cpuUsage(started);
    const perByte = (user + system) / (input.length + 200);
    if (perByte > this.slowest.perByte && this.executions > 1000) this.slowest = { perByte, input };
    this.executions++;
    return perByte;
  }

  /** @param {Uint8Array} input @param {unknown} error */
  found(input, error) {
    this.findings.push(`${hexOf(input)}: ${error instanceof Error ? error.stack : error}`);
  }
}

/** Resolves to the findings. @param {string} name @param {number} milliseconds */
async function fuzz(name, milliseconds) {
  const group = groups[name];
  if (group === undefined) throw new Error(`--target ${name}: must be one of ${Object.keys(groups).join(", ")}`);
  const random = new SeededRandom(seed);
  const corpus = group.seeds(random);
  const { targets, close } = await group.open();
  const run = new Run(targets);
  const coverage = new Coverage(group.ours);
  console.log(`${name}: seed ${seed}, ${corpus.length} initial inputs, ${milliseconds / 1000} s`);
  for (const input of corpus) await run.execute(input);
  coverage.reachedMore();
  const heapBefore = process.memoryUsage().heapUsed;
  const end = Date.now() + milliseconds;
  while (Date.now() < end && run.findings.length < ENOUGH) {
    const batch = [];
    const batchEnd = Math.min(end, Date.now() + LONGEST_BATCH);
    while (batch.length < BATCH && Date.now() < batchEnd) {
      const input = corpus[random.integer(corpus.length)] ?? new Uint8Array(1);
      const mutated = mutate(input, corpus, random, targets.length);
      batch.push(mutated);
      await run.execute(mutated);
    }
    if (coverage.reachedMore()) corpus.push(...batch.filter(() => random.next() < 0.1));
    if (corpus.length > MOST_KEPT) corpus.splice(0, FORGOTTEN);
  }
  coverage.reachedMore();
  const heap = (process.memoryUsage().heapUsed - heapBefore) / 2 ** 20;
  const share = (100 * coverage.share()).toFixed(1);
  coverage.close();
  console.log(
    `${run.executions} executions, ${corpus.length} inputs kept, ${share} % of the code of ${group.ours.source} reached`,
  );
  const { perByte, input } = run.slowest;
  console.log(`slowest input: ${perByte.toFixed(2)} µs a byte (${input.length} bytes)`);
  console.log(`heap: ${heap.toFixed(1)} MiB more than at the start`);
  // Runs it again, alone: a collection of garbage is not a finding, and a slow input is slow each time.
  let again = Infinity;
  for (let i = 0; i < REPEATS && again > SLOW; i++) again = Math.min(again, await run.execute(input));
  if (again > SLOW) run.findings.push(`${hexOf(input)}: ${again.toFixed(0)} µs a byte`);
  await close?.();
  return run.findings.map((finding) => `${name} ${finding}`);
}

/** @param {string} name @param {string} text */
function integer(name, text) {
  if (/^\d+$/.test(text)) return Number(text);
  throw new Error(`--${name} ${text}: must be an integer from 0`);
}

/** @param {Uint8Array} bytes */
function hexOf(bytes) {
  return Buffer.from(bytes).toString("hex");
}

/** @type {string[]} */
const findings = [];
for (const name of chosen) findings.push(...(await fuzz(name, (seconds * 1000) / chosen.length)));
for (const finding of findings) console.error(finding);
console.log(findings.length === 0 ? "no findings" : `${findings.length} findings`);
process.exitCode = findings.length === 0 ? 0 : 1;
