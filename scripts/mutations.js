// @ts-check
// Breaks the guarantees of both clients, one fault at a time, and prints which test detects it: npm run mutations [--
// words of a fault's name]. The run fails if no test detects a fault, or if a fault no longer matches its source. The
// sources are changed while they are loaded; the files are not changed.
import { fileURLToPath } from "node:url";
import { startVitest } from "vitest/node";
import { changed } from "./mutations/changed.js";
import { mutations } from "./mutations/mutations.js";

/** @typedef {import("./mutations/mutations.js").Change} Change */

const root = new URL("../", import.meta.url);
const clients = /** @type {const} */ (["whole", "small"]);

/**
 * Runs the tests of one client until one fails.
 *
 * @param {readonly string[]} files below packages/mqtt/test
 * @param {typeof clients[number]} client
 * @param {Change} [change]
 * @returns {Promise<{ passed: number, failed: string | undefined }>}
 */
async function run(files, client, change) {
  const path = change && fileURLToPath(new URL(change.file, root));
  const plugin = {
    name: "mutation",
    /** @type {"pre"} */
    enforce: "pre",
    /** @param {string} id */
    load: (id) => (change && id.split("?")[0] === path ? changed(change) : undefined),
  };
  const filters = files.map((file) => `packages/mqtt/test/${file}.test.ts`);
  const options = {
    config: fileURLToPath(new URL("vitest.config.ts", root)),
    root: fileURLToPath(root),
    watch: false,
    bail: 1,
    maxWorkers: 2,
    testTimeout: 60_000,
    testNamePattern: `^the '?${client}'? client `,
    reporters: [{}],
  };
  const vitest = await startVitest("test", filters, options, { plugins: [plugin] });
  const tests = vitest.state.getTestModules().flatMap((module) => [...module.children.allTests()]);
  const errors = [
    ...vitest.state.getUnhandledErrors(),
    ...vitest.state.getTestModules().flatMap((module) => module.errors()),
  ];
  await vitest.close();
  const passed = tests.filter((test) => test.result().state === "passed").length;
  const failed = tests.find((test) => test.result().state === "failed");
  if (passed === 0 && failed === undefined) throw new Error(`${files}: no test of the ${client} client ran`);
  const error = /** @type {{ message?: string } | undefined} */ (errors[0]);
  return { passed, failed: failed?.fullName ?? (error && `an unhandled error: ${error.message}`) };
}

const wanted = process.argv.slice(2).join(" ");
const chosen = mutations.filter(({ name }) => name.includes(wanted));
const every = [...new Set(chosen.map(({ tests }) => tests))];
for (const mutation of mutations) for (const client of clients) changed(mutation[client]);
for (const client of clients) {
  const { passed, failed } = await run(every, client);
  if (failed !== undefined) throw new Error(`without a fault, this test fails: ${failed}`);
  console.log(`${client} client, without a fault: ${passed} tests pass`);
}

let missed = 0;
console.log("\n| fault | client | detected by |\n|---|---|---|");
for (const mutation of chosen)
  for (const client of clients) {
    const { failed } = await run([mutation.tests], client, mutation[client]);
    if (failed === undefined) missed++;
    console.log(`| ${mutation.name} | ${client} | ${failed ?? "NO TEST"} |`);
  }
console.log(`\n${chosen.length} faults in two clients: ${missed} not detected`);
process.exitCode = missed > 0 ? 1 : 0;
