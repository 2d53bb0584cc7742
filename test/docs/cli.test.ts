// The pages of docs/cli have each command, with its help, and the manual pages have each option.
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { commonOptions } from "../../packages/cli/src/arguments.ts";
import { runCommand } from "../../packages/cli/src/command.ts";
import type { CommandEntry } from "../../packages/cli/src/command-entry.ts";
import { programs } from "../../packages/cli/src/command-table.ts";
import type { Terminal } from "../../packages/cli/src/terminal.ts";
import { shownBy, withHelp } from "../../scripts/cli-pages/help-block.js";
import { commandPage, pageName, programPage } from "../../scripts/man-pages/page.js";

const pages = readdirSync("docs/cli").filter((name) => name.endsWith(".md"));
const textOf = (page: string): string => readFileSync(`docs/cli/${page}`, "utf8");

const entries = new Map<string, CommandEntry>([
  ...programs.umbrella.map((entry) => [`aiko-mqtt ${entry.names[0]}`, entry] as const),
  ...programs.others.map((entry) => [String(entry.names[0]), entry] as const),
]);

async function helpOf(program: string): Promise<string> {
  const entry = entries.get(program);
  if (entry === undefined) throw new Error(`there is no command "${program}"`);
  let help = "";
  const print = (text: string | Uint8Array): undefined => {
    help += text;
  };
  expect(await runCommand(await entry.load(), ["--help"], { program, print } as Terminal)).toBe(0);
  return help;
}

test.each(pages)("%s has the current help of its commands", async (page) => {
  expect(textOf(page), "run `npm run cli-pages`").toBe(await withHelp(textOf(page), helpOf));
});

test("each command is on one page, to which the table leads", () => {
  const shown = pages.flatMap((page) => shownBy(textOf(page)));
  expect(shown.sort()).toEqual([...entries.keys()].sort());
  const table = textOf("README.md");
  for (const page of pages) if (page !== "README.md") expect(table).toContain(`(${page})`);
});

test.each([...entries])(
  "the manual page of %s has each option, and no line that is not meant as a request",
  async (name, entry) => {
    const command = await entry.load();
    const page = commandPage({ name, summary: entry.summary }, command, commonOptions, "1.2.3");
    for (const option of Object.keys({ ...command.options, ...commonOptions }))
      expect(page).toContain(`\\fB\\-\\-${option.replaceAll("-", "\\-")}\\fR`);
    const requests = page.split("\n").filter((line) => /^[.']/.test(line));
    expect(requests.filter((line) => !/^\.(TH|SH|SS|TP|B|BR|EX|EE)( |$)/.test(line))).toEqual([]);
    expect(page).toMatch(/^[\n -~]+$/);
  },
);

test("npm installs each manual page, because package.json lists it", () => {
  const { man } = JSON.parse(readFileSync("packages/cli/package.json", "utf8"));
  const names = ["aiko-mqtt", ...entries.keys()].map((name) => `dist/man/${pageName(name)}.1`);
  expect(man).toEqual(names.sort());
});

test("the manual page of the program names each command's page", () => {
  const all = [...entries].map(([name, { summary }]) => ({ name, summary }));
  const page = programPage("aiko-mqtt", all, "1.2.3");
  expect(page).toContain(".BR aiko\\-mqtt\\-broker\\-check (1)");
  expect(page.match(/^\.BR /gm)).toHaveLength(entries.size);
});
