// @ts-check
// Checks that every normative statement is bound to a test that ran and passed, or has a reason why no test can observe
// it, and writes docs/conformance.md. node scripts/conformance.js [--version 3.1|3.1.1|5.0]
//
// test/conformance/mqtt-VERSION.csv has the statements, test/conformance/bindings-VERSION.json the tests of each:
//   { "MQTT-1.5.3-1": { "tests": ["packages/mqtt/test/codec/x.test.ts > name", "… > a family of names *"] },
//     "MQTT-4.2.0-1": { "unobservable": "why no test can see it" } }
// Statements for servers are bound to tests of the broker.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

/**
 * @typedef {{ id: string, section: string, role: string, statement: string, observable: string }} Statement
 * @typedef {{ tests?: string[], unobservable?: string }} Binding
 * @typedef {{ name: string, passed: boolean, why: string }} Result
 */

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, "test/conformance");
const versions = ["3.1", "3.1.1", "5.0"];
/** The time limit for all tests together, in milliseconds. */
const PATIENCE = 1_200_000;
/** @type {string[]} */
const problems = [];

/** @param {string} text @returns {string[][]} */
function parseCsv(text) {
  const rows = [];
  const row = [];
  let field = "";
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    if (quoted) {
      if (character !== '"') field += character;
      else if (text[i + 1] === '"') field += text.charAt(++i);
      else quoted = false;
    } else if (character === '"') {
      quoted = true;
    } else if (character === "," || character === "\n") {
      row.push(field);
      field = "";
      if (character === "\n") rows.push(row.splice(0));
    } else if (character !== "\r") {
      field += character;
    }
  }
  if (row.length > 0) rows.push([...row, field]);
  return rows;
}

/** @param {string} version @returns {Statement[]} */
function statementsOf(version) {
  const [, ...rows] = parseCsv(readFileSync(join(folder, `mqtt-${version}.csv`), "utf8"));
  return rows.map(([id = "", section = "", role = "", statement = "", observable = ""]) => ({
    id,
    section,
    role,
    statement,
    observable,
  }));
}

/** @param {string} version @returns {Record<string, Binding>} */
function bindingsOf(version) {
  const path = join(folder, `bindings-${version}.json`);
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
}

/**
 * Runs the test files and returns the result of each test, by file.
 *
 * @param {string[]} files
 * @returns {Map<string, Result[]>}
 */
function runTests(files) {
  const place = mkdtempSync(join(tmpdir(), "aiko-conformance-"));
  const report = join(place, "report.json");
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  // A slow test is not a failed one: a busy machine must not fail a statement.
  const options = ["--testTimeout=60000", "--reporter=json", `--outputFile=${report}`];
  spawnSync(process.execPath, [vitest, "run", ...options, ...files], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
    timeout: PATIENCE,
  });
  if (!existsSync(report))
    throw new Error(`the tests did not run, or not within ${PATIENCE / 1000} s: no report was written`);
  /**
   * @type {{ testResults: { name: string, message: string, assertionResults: {
   *   ancestorTitles: string[], title: string, status: string, failureMessages: string[] }[] }[] }}
   */
  const { testResults } = JSON.parse(readFileSync(report, "utf8"));
  rmSync(place, { recursive: true });
  // A file that cannot be loaded has no tests: without this check, each of them would seem to be missing.
  for (const { name, message, assertionResults } of testResults) {
    if (assertionResults.length === 0) problems.push(`${relative(root, name)} did not run: ${firstLine(message)}`);
  }
  return new Map(
    testResults.map(({ name, assertionResults }) => [
      relative(root, name),
      assertionResults.map(({ ancestorTitles, title, status, failureMessages }) => ({
        name: [...ancestorTitles.filter((each) => each !== ""), title].join(" > "),
        passed: status === "passed",
        why: status === "failed" ? firstLine(failureMessages[0] ?? "") : status,
      })),
    ]),
  );
}

/** @param {string} text */
function firstLine(text) {
  return (text.split("\n")[0] ?? "").slice(0, 200);
}

/**
 * The tests that a reference names: one, or, if it ends with "*", all tests whose name begins with it.
 *
 * @param {string} reference
 * @param {Map<string, Result[]>} results
 */
function find(reference, results) {
  const [file = "", ...rest] = reference.split(" > ");
  const name = rest.join(" > ");
  const inFile = results.get(file) ?? [];
  return name.endsWith("*")
    ? inFile.filter((result) => result.name.startsWith(name.slice(0, -1).trimEnd()))
    : inFile.filter((result) => result.name === name);
}

/** Whether the statement is one for clients. Others are for servers only. @param {Statement} statement */
function isForClients({ role }) {
  return role === "client" || role === "both";
}

/**
 * The result of one statement: how it counts, and its cells in the table.
 *
 * @typedef {{ kind: "passed" | "failed" | "unbound" | "unobservable", outcome: string, tests: string }} Verdict
 * @param {string} name of the statement, for problems
 * @param {Binding | undefined} binding
 * @param {Map<string, Result[]>} results
 * @returns {Verdict}
 */
function judge(name, binding, results) {
  if (binding?.unobservable) {
    return { kind: "unobservable", outcome: `cannot be observed: ${binding.unobservable}`, tests: "" };
  }
  if (!binding?.tests?.length) {
    problems.push(`${name}: no test is bound to it`);
    return { kind: "unbound", outcome: "MISSING", tests: "" };
  }
  const found = binding.tests.map((reference) => ({ reference, matches: find(reference, results) }));
  for (const { reference, matches } of found) {
    if (matches.length === 0) problems.push(`${name}: there is no test "${reference}"`);
    for (const each of matches) if (!each.passed) problems.push(`${name}: "${each.name}": ${each.why}`);
  }
  const passed = found.every(({ matches }) => matches.length > 0 && matches.every((each) => each.passed));
  const tests = found.map(({ reference, matches }) =>
    matches.length > 1 ? `${cell(reference)} (${matches.length})` : cell(reference),
  );
  return { kind: passed ? "passed" : "failed", outcome: passed ? "pass" : "FAIL", tests: tests.join("<br>") };
}

/** @param {string} text */
function cell(text) {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

/**
 * One version's part of the document; its summary is also printed to standard output.
 *
 * @param {{ version: string, statements: Statement[], bindings: Record<string, Binding> }} table
 * @param {Map<string, Result[]>} results
 */
function sectionOf({ version, statements, bindings }, results) {
  const known = new Set(statements.map(({ id }) => id));
  for (const id of Object.keys(bindings))
    if (!known.has(id)) problems.push(`${version} ${id}: there is no such statement`);
  const judged = statements.map((statement) => {
    const { id } = statement;
    return { statement, verdict: judge(`${version} ${id}`, bindings[id], results) };
  });
  const counted = (/** @type {boolean} */ forClients) => {
    const chosen = judged.filter(({ statement }) => isForClients(statement) === forClients);
    const count = (/** @type {Verdict["kind"]} */ kind) => chosen.filter(({ verdict }) => verdict.kind === kind).length;
    const unobservable = count("unobservable");
    return `${count("passed")} of ${chosen.length - unobservable} pass their tests, ${unobservable} cannot be observed`;
  };
  const summary = `Statements for the client: ${counted(true)}. Statements for servers only: ${counted(false)}.`;
  console.log(`MQTT ${version}: ${summary}`);
  const rows = judged.map(({ statement: { id, role, statement, observable }, verdict: { tests, outcome } }) => {
    return `| ${id} | ${role} | ${cell(statement)} | ${cell(observable)} | ${tests} | ${outcome} |`;
  });
  return [
    `## MQTT ${version}`,
    "",
    summary,
    "",
    "| statement | role | text | observed by | test | outcome |",
    "|---|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

const { version: only } = parseArgs({ options: { version: { type: "string" } } }).values;
if (only !== undefined && !versions.includes(only))
  throw new Error(`--version ${only}: must be one of ${versions.join(", ")}`);
const chosen = versions.filter((version) => only === undefined || only === version);
const tables = chosen.map((version) => ({ version, statements: statementsOf(version), bindings: bindingsOf(version) }));
const files = new Set(
  tables.flatMap(({ bindings }) =>
    Object.values(bindings).flatMap(({ tests = [] }) => tests.map((test) => test.split(" > ")[0] ?? "")),
  ),
);
const results = runTests([...files]);

const sections = tables.map((table) => sectionOf(table, results));

if (only === undefined) {
  const head = [
    "# Conformance",
    "",
    "Every normative statement of MQTT 3.1 (only its differences), 3.1.1 and 5.0, with the tests that would fail if the library violated it.",
    "`npm run conformance` writes this page. It fails if a statement has no passing test and no reason why no test can observe it. Statements for",
    "servers are checked by the broker's tests.",
    "",
  ];
  writeFileSync(join(root, "docs/conformance.md"), `${head.join("\n")}\n${sections.join("\n")}`);
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) {
  console.error(`${problems.length} problems`);
  process.exitCode = 1;
}
