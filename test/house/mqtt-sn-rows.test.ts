// Every rule of MQTT-SN is bound to tests that exist, and docs/mqtt-sn.md has it. Whether they pass, scripts/mqtt-sn-rows.js finds out.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./source.ts";

interface Rule {
  readonly id: string;
  readonly part: string;
  readonly text: string;
  readonly tests: readonly string[];
}

const rules = JSON.parse(readFileSync(join(root, "test/conformance/mqtt-sn.json"), "utf8")) as Rule[];
const references = rules.flatMap(({ id, tests }) => tests.map((reference) => [id, reference] as const));

/** A title in a source may have placeholders of `test.each`: what precedes the first is compared. */
function hasTitle(source: string, part: string): boolean {
  const wanted = part.replace(/\s*\*$/, "");
  if (source.includes(wanted)) return true;
  const titles = [...source.matchAll(/["'`]([^"'`\n]*?)(?=%[sidj]|\$\w)/g)].map(([, title = ""]) => title);
  return titles.some((title) => title === "" || wanted.startsWith(title.trimEnd()));
}

test("every rule has a name of its own, and a test", () => {
  expect(rules.length).toBeGreaterThan(90);
  expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length);
  expect(rules.filter(({ tests }) => tests.length === 0)).toEqual([]);
});

test("every test to which a rule is bound exists", () => {
  const missing = references.filter(([, reference]) => {
    const [file = "", ...parts] = reference.split(" > ");
    if (!existsSync(join(root, file))) return true;
    const source = readFileSync(join(root, file), "utf8");
    return !parts.every((part) => hasTitle(source, part));
  });
  expect(missing).toEqual([]);
});

test("the document has every rule as it is, and no failure", () => {
  const document = readFileSync(join(root, "docs/mqtt-sn.md"), "utf8");
  const rows = document.split("\n").filter((line) => /^\| [A-Z]-/.test(line));
  expect(rows.map((row) => row.split(" | ").slice(0, 2).join(" | "))).toEqual(
    rules.map(({ id, text }) => `| ${id} | ${text.replaceAll("|", "\\|")}`),
  );
  expect(rows.filter((row) => !row.endsWith(" | pass |"))).toEqual([]);
});
