/** `aiko-mqtt COMMAND`: a table of commands. Only the called command is loaded. */

import { ArgumentError } from "./arguments.js";
import { type Command, describeError, runCommand } from "./command.js";
import { ProcessTerminal, type Terminal } from "./terminal.js";
import { version } from "./version.js";

interface Entry {
  /** The help shows the first name. */
  readonly names: readonly string[];
  readonly summary: string;
  load(): Promise<Command>;
}

const commands: readonly Entry[] = [
  {
    names: ["broker"],
    summary: "run the embedded broker",
    load: async () => (await import("./commands/broker.js")).broker,
  },
  {
    names: ["publish", "pub"],
    summary: "publish one message",
    load: async () => (await import("./commands/publish.js")).publish,
  },
  {
    names: ["subscribe", "sub"],
    summary: "print received messages",
    load: async () => (await import("./commands/subscribe.js")).subscribe,
  },
  {
    names: ["test"],
    summary: "publish a message each second and print received messages",
    load: async () => (await import("./commands/test.js")).test,
  },
];

/** Runs the process. */
export async function umbrella(program: string, argv: readonly string[]): Promise<void> {
  const [first, ...others] = argv;
  const [name, ...rest] = first === "help" && others.length > 0 ? [...others, "--help"] : argv;
  const entry = commands.find(({ names }) => name !== undefined && names.includes(name));
  const terminal = new ProcessTerminal(entry ? `${program} ${name}` : program);
  terminal.end(entry ? await runCommand(await entry.load(), rest, terminal) : await answer(name, terminal));
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
  const wrong = name?.startsWith("-") ? `unknown option ${name.split("=", 1)[0]}` : `unknown command "${name}"`;
  terminal.note(describeError(new ArgumentError(name === undefined ? "missing command" : wrong), program));
  return 1;
}

function help(program: string): string {
  const rows = commands.map(({ names, summary }) => [names.join(", "), summary] as const);
  const width = Math.max(...rows.map(([names]) => names.length));
  const lines = rows.map(([names, summary]) => `  ${names.padEnd(width)}  ${summary}\n`).join("");
  return `usage: ${program} COMMAND [options]\nMQTT on the command line.\n\n${lines}\n"${program} COMMAND --help" describes a command.\n`;
}
