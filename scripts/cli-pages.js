// @ts-check
// Writes the help of the commands into the pages of docs/cli. Needs a build. npm run cli-pages
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { withHelp } from "./cli-pages/help-block.js";

const built = new URL("../packages/cli/dist/", import.meta.url);
const { programs } = await import(new URL("command-table.js", built).href);
const { runCommand } = await import(new URL("command.js", built).href);

const pages = new URL("../docs/cli/", import.meta.url);
for (const file of readdirSync(pages).filter((name) => name.endsWith(".md"))) {
  const page = readFileSync(new URL(file, pages), "utf8");
  writeFileSync(new URL(file, pages), await withHelp(page, helpOf));
}

/** @param {string} program */
async function helpOf(program) {
  let help = "";
  const name = program.replace(/^aiko-mqtt /, "");
  /** @type {{ names: string[], load(): Promise<unknown> } | undefined} */
  const entry = [...programs.umbrella, ...programs.others].find(({ names }) => names.includes(name));
  if (entry === undefined) throw new Error(`docs/cli: there is no command "${program}"`);
  const print = (/** @type {string} */ text) => {
    help += text;
  };
  await runCommand(await entry.load(), ["--help"], { program, print });
  return help;
}
