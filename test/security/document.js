// @ts-check
// Owns the text and the format of docs/security.md. Reads and writes no file.
import { classes, sentences } from "./classes.js";

/** The whole document. */
export function securityDocument() {
  const rows = classes.map(({ name, seen, held, tests, notApplicable }) => {
    return [name, seen, held || "–", notApplicable ?? listOf(tests)];
  });
  return `# Security classes and their tests

Written by \`npm run security\` from [test/security/classes.js](../test/security/classes.js). A house test checks that each test named here exists,
and that this page is up to date. [SECURITY.md](../SECURITY.md) says how to report a vulnerability.

## Ways in which MQTT software has failed

${table(["class", "seen", "what our tests do", "tests"], rows)}
## What SECURITY.md promises

${table(
  ["sentence", "tests"],
  sentences.map(({ sentence, tests }) => [sentence, listOf(tests)]),
)}`;
}

/** @param {readonly string[]} tests */
function listOf(tests) {
  return tests.length === 0 ? "open" : tests.join("<br>");
}

/** @param {readonly string[]} head @param {readonly (readonly string[])[]} rows */
function table(head, rows) {
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map(cell).join(" | ")} |`);
  return `${lines.join("\n")}\n`;
}

/** @param {string} text */
function cell(text) {
  return text.replaceAll("|", "\\|");
}
