// @ts-check
// Checks that every normative statement is bound to a test that ran and passed, or has a reason why no test can observe
// it, and writes docs/conformance.md. node scripts/conformance.js [--version 3.1|3.1.1|5.0]
//
// test/conformance/mqtt-VERSION.csv has the statements, test/conformance/bindings-VERSION.json the tests of each:
//   { "MQTT-1.5.3-1": { "tests": ["packages/mqtt/test/codec/x.test.ts > name", "… > a family of names *"] },
//     "MQTT-4.2.0-1": { "unobservable": "why no test can see it" } }
// Statements for servers are bound to tests of the broker.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { cell, TestResults } from "./conformance/test-results.js";

/**
 * @typedef {{ id: string, section: string, role: string, statement: string, observable: string }} Statement
 * @typedef {{ tests?: string[], unobservable?: string }} Binding
 */

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, "test/conformance");
const versions = ["3.1", "3.1.1", "5.0"];

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
 * @param {TestResults} results
 * @returns {Verdict}
 */
function judge(name, binding, results) {
  if (binding?.unobservable) {
    return { kind: "unobservable", outcome: `cannot be observed: ${binding.unobservable}`, tests: "" };
  }
  if (!binding?.tests?.length) {
    results.problems.push(`${name}: no test is bound to it`);
    return { kind: "unbound", outcome: "MISSING", tests: "" };
  }
  const { passed, cell: tests } = results.judge(name, binding.tests);
  return { kind: passed ? "passed" : "failed", outcome: passed ? "pass" : "FAIL", tests };
}

/**
 * One version's part of the document; its summary is also printed to standard output.
 *
 * @param {{ version: string, statements: Statement[], bindings: Record<string, Binding> }} table
 * @param {TestResults} results
 */
function sectionOf({ version, statements, bindings }, results) {
  const known = new Set(statements.map(({ id }) => id));
  for (const id of Object.keys(bindings))
    if (!known.has(id)) results.problems.push(`${version} ${id}: there is no such statement`);
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
const results = new TestResults(
  tables.flatMap(({ bindings }) => Object.values(bindings).flatMap(({ tests = [] }) => tests)),
);

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
if (!results.report()) process.exitCode = 1;
