// @ts-check
// Writes the manual pages of the commands into packages/cli/dist/man, from the output of tsc.
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { commandPage, pageName, programPage } from "./man-pages/page.js";

const cli = new URL("../packages/cli/", import.meta.url);
const { name: program, version } = JSON.parse(await readFile(new URL("package.json", cli), "utf8"));
const { programs } = await import(new URL("dist/command-table.js", cli).href);
const { commonOptions } = await import(new URL("dist/arguments.js", cli).href);

const folder = new URL("dist/man/", cli);
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });

/** @typedef {{ names: readonly string[], summary: string, load(): Promise<import("./man-pages/page.js").Command> }} CommandEntry */
/** @type {{ umbrella: readonly CommandEntry[], others: readonly CommandEntry[] }} */
const { umbrella, others } = programs;
const all = [
  ...umbrella.map((entry) => ({ ...entry, name: `${program} ${entry.names[0]}` })),
  ...others.map((entry) => ({ ...entry, name: String(entry.names[0]) })),
];
for (const { name, summary, load } of all) {
  await write(name, commandPage({ name, summary }, await load(), commonOptions, version));
}
await write(program, programPage(program, all, version));

/** @param {string} name @param {string} page */
async function write(name, page) {
  await writeFile(new URL(`${pageName(name)}.1`, folder), page);
}
