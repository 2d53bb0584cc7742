/** `aiko-mqtt COMMAND`: finds the command and runs it. Only the called command is loaded. */

import { nearest } from "@aiko/mqtt/options";
import { ArgumentError } from "./arguments.js";
import { describeError, runCommand } from "./command.js";
import type { CommandEntry } from "./command-entry.js";
import { commands } from "./command-table.js";
import { ProcessTerminal } from "./process-terminal.js";
import type { Terminal } from "./terminal.js";
import { version } from "./version.js";

/** Names under which a link to this program is the command itself. */
const links: Readonly<Record<string, string>> = { mosquitto_pub: "pub", mosquitto_sub: "sub", mosquitto_rr: "rr" };

/**
 * Runs the process.
 *
 * @param called the file name with which it was called
 */
export async function umbrella(called: string, argv: readonly string[]): Promise<void> {
  const linked = Object.hasOwn(links, called) ? links[called] : undefined;
  if (linked !== undefined) {
    const entry = commands.find(({ names }) => names.includes(linked)) as CommandEntry;
    const terminal = new ProcessTerminal(called);
    terminal.end(await runCommand(await entry.load(), argv, terminal));
    return;
  }
  const program = "aiko-mqtt";
  const [first, ...others] = argv;
  const words = first === "help" && others.length > 0 ? [...others, "--help"] : argv;
  const found = find(words);
  const terminal = new ProcessTerminal(found ? `${program} ${found.name}` : program);
  terminal.end(
    found ? await runCommand(await found.entry.load(), found.rest, terminal) : await answer(words[0], terminal),
  );
}

/** Finds the command whose name the words begin with, and the longest if there are several. */
function find(words: readonly string[]): { entry: CommandEntry; name: string; rest: readonly string[] } | undefined {
  for (const length of [2, 1]) {
    const name = words.slice(0, length).join(" ");
    const entry = commands.find(({ names }) => names.includes(name));
    if (entry !== undefined) return { entry, name, rest: words.slice(length) };
  }
  return undefined;
}

/** Handles a call without a known command. Returns the exit code. */
async function answer(name: string | undefined, terminal: Terminal): Promise<number> {
  const { program } = terminal;
  if (name === "help" || name === "--help" || name === "-h") {
    await terminal.print(help(program));
    return 0;
  }
  if (name === "--version") {
    await terminal.print(`${program} ${version()}\n`);
    return 0;
  }
  terminal.note(describeError(new ArgumentError(wrongCall(name)), program));
  return 1;
}

function wrongCall(name: string | undefined): string {
  if (name === undefined) return "missing command";
  if (name.startsWith("-")) return `unknown option ${name.split("=", 1)[0]}`;
  const near = nearest(
    name,
    commands.flatMap(({ names }) => names),
  );
  return `unknown command "${name}"${near === undefined ? "" : `; did you mean "${near}"?`}`;
}

function help(program: string): string {
  const rows = commands.map(({ names, summary }) => [names.join(", "), summary] as const);
  const width = Math.max(...rows.map(([names]) => names.length));
  const lines = rows.map(([names, summary]) => `  ${names.padEnd(width)}  ${summary}\n`).join("");
  return `usage: ${program} COMMAND [options]\nMQTT on the command line.\n\n${lines}\n"${program} COMMAND --help" describes a command.\n`;
}
