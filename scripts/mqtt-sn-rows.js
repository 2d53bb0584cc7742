// @ts-check
// Checks that every rule of MQTT-SN that the gateway and the client keep is bound to tests that ran and passed, and writes docs/mqtt-sn.md.
// test/conformance/mqtt-sn.json has the rules and the tests of each, as test/conformance/bindings-5.0.json has.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cell, TestResults } from "./conformance/test-results.js";

/** @typedef {{ id: string, part: string, text: string, tests: string[] }} Rule */

const root = fileURLToPath(new URL("..", import.meta.url));
/** @type {Rule[]} */
const rules = JSON.parse(readFileSync(join(root, "test/conformance/mqtt-sn.json"), "utf8"));
const results = new TestResults(rules.flatMap(({ tests }) => tests));
const judged = rules.map((rule) => ({ rule, ...results.judge(rule.id, rule.tests) }));
const summary = `${judged.filter(({ passed }) => passed).length} of ${rules.length} rules pass their tests.`;

const lines = [
  "# The rules of MQTT-SN",
  "",
  "Every message, event, timer and answer of MQTT-SN 1.2 that the gateway and the client keep, in our own words, with the tests that would fail if they",
  "did not. `npm run conformance` writes this page, and fails if a rule has no passing test. [The gateway's page](gateway/mqtt-sn.md) describes how to",
  "use it.",
  "",
  summary,
];
for (const part of new Set(rules.map((rule) => rule.part))) {
  const rows = judged.filter(({ rule }) => rule.part === part);
  lines.push(
    "",
    `## ${part.charAt(0).toUpperCase()}${part.slice(1)}`,
    "",
    "| rule | text | test | outcome |",
    "|---|---|---|---|",
  );
  for (const { rule, passed, cell: tests } of rows) {
    lines.push(`| ${rule.id} | ${cell(rule.text)} | ${tests} | ${passed ? "pass" : "FAIL"} |`);
  }
}
writeFileSync(join(root, "docs/mqtt-sn.md"), `${lines.join("\n")}\n`);
console.log(`MQTT-SN: ${summary}`);
if (!results.report()) process.exitCode = 1;
