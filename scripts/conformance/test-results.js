// @ts-check
// Runs test files and finds the results of the tests that a reference names. Knows nothing of statements.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** @typedef {{ name: string, passed: boolean, why: string }} Result */
/** @typedef {{ passed: boolean, cell: string }} Verdict of the tests of one statement: whether all passed, and their cell in a table */

const root = fileURLToPath(new URL("../..", import.meta.url));
/** The time limit for all tests together, in milliseconds. */
const PATIENCE = 1_200_000;

export class TestResults {
  /** What is wrong, one line each. @type {string[]} */
  problems = [];
  /** @type {Map<string, Result[]>} */
  #byFile;

  /** Runs the files of all references. @param {readonly string[]} references */
  constructor(references) {
    const files = new Set(references.map((reference) => reference.split(" > ")[0] ?? ""));
    this.#byFile = this.#run([...files]);
  }

  /**
   * The verdict on a statement that is bound to these tests.
   *
   * @param {string} name of the statement, for problems
   * @param {readonly string[]} references
   * @returns {Verdict}
   */
  judge(name, references) {
    const found = references.map((reference) => ({ reference, matches: this.#find(reference) }));
    for (const { reference, matches } of found) {
      if (matches.length === 0) this.problems.push(`${name}: there is no test "${reference}"`);
      for (const each of matches) if (!each.passed) this.problems.push(`${name}: "${each.name}": ${each.why}`);
    }
    const passed = found.every(({ matches }) => matches.length > 0 && matches.every((each) => each.passed));
    const tests = found.map(({ reference, matches }) =>
      matches.length > 1 ? `${cell(reference)} (${matches.length})` : cell(reference),
    );
    return { passed, cell: tests.join("<br>") };
  }

  /** Prints the problems. Returns whether there are none. */
  report() {
    for (const problem of this.problems) console.error(problem);
    if (this.problems.length > 0) console.error(`${this.problems.length} problems`);
    return this.problems.length === 0;
  }

  /**
   * The tests that a reference names: one, or, if it ends with "*", all tests whose name begins with it. A part before the last may be "*" or end
   * with it, too.
   *
   * @param {string} reference
   */
  #find(reference) {
    const [file = "", ...parts] = reference.split(" > ");
    const name = parts.join(" > ");
    const inFile = this.#byFile.get(file) ?? [];
    if (!parts.slice(0, -1).some((part) => part.endsWith("*"))) {
      return name.endsWith("*")
        ? inFile.filter((result) => result.name.startsWith(name.slice(0, -1).trimEnd()))
        : inFile.filter((result) => result.name === name);
    }
    return inFile.filter((result) => {
      const names = result.name.split(" > ");
      return names.length === parts.length && parts.every((part, i) => isNamed(names[i] ?? "", part));
    });
  }

  /** @param {string[]} files @returns {Map<string, Result[]>} */
  #run(files) {
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
      if (assertionResults.length === 0)
        this.problems.push(`${relative(root, name)} did not run: ${firstLine(message)}`);
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
}

/** A text in a table. @param {string} text */
export function cell(text) {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

/** @param {string} text */
function firstLine(text) {
  return (text.split("\n")[0] ?? "").slice(0, 200);
}

/** @param {string} name @param {string} part of a reference */
function isNamed(name, part) {
  return part.endsWith("*") ? name.startsWith(part.slice(0, -1).trimEnd()) : name === part;
}
