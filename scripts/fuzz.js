// @ts-check
// Coverage-guided fuzzing of decoder, topics and sessions. node scripts/fuzz.js [--seconds 60] [--seed N]
//
// Mutations start from the wire vectors; an input that reaches code which none before it reached joins the corpus. A finding is an
// exception that is not a typed error, or an input that takes far longer than its length explains. Findings are printed as hex and
// fail the run; what they teach belongs into test/conformance or a test of its own. Memory that stays is shown, for who reads it.
import { parseArgs } from "node:util";
import { SeededRandom } from "@aiko/mqtt/testing";
import { Coverage } from "./fuzz/coverage.js";
import { mutate, seeds } from "./fuzz/inputs.js";
import { targets } from "./fuzz/targets.js";

const { values } = parseArgs({ options: { seconds: { type: "string" }, seed: { type: "string" } } });
const seconds = integer("seconds", values.seconds ?? "60");
const seed = integer("seed", values.seed ?? String(Date.now() % 1e9));

/** Inputs between two looks at what was reached. */
const BATCH = 200;
/** Inputs that are kept, and how many of the oldest go when there are more. */
const MOST_KEPT = 20_000;
const FORGOTTEN = 5_000;
/** Findings after which a run ends. */
const ENOUGH = 10;
/** Microseconds a byte that an input may take. */
const SLOW = 100;

/** @type {string[]} */
const findings = [];
let executions = 0;
/** The input that took the most time for its length, in nanoseconds a byte. @type {{ perByte: number, input: Uint8Array }} */
let slowest = { perByte: 0, input: new Uint8Array(0) };

/**
 * Returns how long it took, in nanoseconds for each of its bytes and of 200 more, which stand for what any input takes.
 *
 * @param {Uint8Array} input
 */
function execute(input) {
  const target = targets[(input[0] ?? 0) % targets.length];
  const started = process.hrtime.bigint();
  try {
    target?.(input.subarray(1));
  } catch (error) {
    findings.push(`${hexOf(input)}: ${error instanceof Error ? error.stack : error}`);
  }
  const perByte = Number(process.hrtime.bigint() - started) / (input.length + 200);
  if (perByte > slowest.perByte && executions > 1000) slowest = { perByte, input };
  executions++;
  return perByte;
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

const random = new SeededRandom(seed);
const corpus = seeds(random);
const coverage = new Coverage();
console.log(`seed ${seed}, ${corpus.length} inputs to begin with, ${seconds} s`);
for (const input of corpus) execute(input);
coverage.reachedMore();
const heapBefore = process.memoryUsage().heapUsed;
const end = Date.now() + seconds * 1000;
while (Date.now() < end && findings.length < ENOUGH) {
  const batch = Array.from({ length: BATCH }, () => {
    const input = corpus[random.integer(corpus.length)] ?? new Uint8Array(1);
    return mutate(input, corpus, random);
  });
  for (const input of batch) execute(input);
  if (coverage.reachedMore()) corpus.push(...batch.filter(() => random.next() < 0.1));
  if (corpus.length > MOST_KEPT) corpus.splice(0, FORGOTTEN);
}
coverage.reachedMore();
const heap = (process.memoryUsage().heapUsed - heapBefore) / 2 ** 20;
const share = (100 * coverage.share()).toFixed(1);
console.log(
  `${executions} executions, ${corpus.length} inputs kept, ${share} % of the code of codec, topic, session and platform reached`,
);
console.log(`slowest input: ${(slowest.perByte / 1000).toFixed(2)} µs a byte (${slowest.input.length} bytes)`);
console.log(`heap: ${heap.toFixed(1)} MiB more than at the start`);
// Once more, alone: a pause of the machine is no finding, a slow input is slow again.
const { input } = slowest;
const again = execute(input) / 1000;
if (again > SLOW) findings.push(`${hexOf(input)}: ${again.toFixed(0)} µs a byte`);
for (const finding of findings) console.error(finding);
console.log(findings.length === 0 ? "no findings" : `${findings.length} findings`);
process.exitCode = findings.length === 0 ? 0 : 1;
