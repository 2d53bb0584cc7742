/** The interface of a command, and how it is run, from the process's arguments to its exit code. */

import { MqttError } from "@aiko/mqtt";
import { ArgumentError, type Arguments, describeOptions, type OptionTable, parseArguments } from "./arguments.js";
import { inOptionWords } from "./option-words.js";
import type { Terminal } from "./terminal.js";
import { version } from "./version.js";

export interface Command {
  /** The text after the program's name in the help. */
  readonly usage: string;
  /** One sentence. */
  readonly summary: string;
  readonly options: OptionTable;
  /** Calls for the end of the help. Default: none. */
  readonly examples?: readonly string[];
  /** How many arguments that are not options it accepts. Default 0. */
  readonly operands?: number;
  /** Returns when the command has finished. An error is reported in one line, with exit code 1. */
  run(args: Arguments<string>, terminal: Terminal): Promise<void>;
}

/** An error that ends the command, with a message for the user: one line, or several. */
export class CommandError extends Error {
  override readonly name = "CommandError";

  /** @param exitCode of the process */
  constructor(
    message: string,
    readonly exitCode = 1,
  ) {
    super(message);
  }
}

/** Returns the exit code. */
export async function runCommand(command: Command, argv: readonly string[], terminal: Terminal): Promise<number> {
  let isQuiet = false;
  try {
    const parsed = parseArguments(command.options, argv, command.operands);
    isQuiet = parsed.asks === "run" && parsed.args.has("quiet");
    if (parsed.asks === "help") await terminal.print(describeCommand(terminal.program, command));
    else if (parsed.asks === "version") await terminal.print(`${terminal.program} ${version()}\n`);
    else await command.run(parsed.args, terminal);
    return 0;
  } catch (error) {
    for (const line of describeError(error, terminal.program).split("\n")) if (!isQuiet) terminal.note(line);
    return error instanceof CommandError ? error.exitCode : 1;
  }
}

function describeCommand(program: string, { usage, summary, options, examples = [] }: Command): string {
  const shown = examples.map((each) => `  ${program} ${each}\n`).join("");
  return `usage: ${program} ${usage}\n${summary}\n\n${describeOptions(options)}${shown && `\nExamples:\n${shown}`}`;
}

export function describeError(error: unknown, program: string): string {
  if (error instanceof ArgumentError) return `${error.message} (see "${program} --help")`;
  if (error instanceof MqttError) return inOptionWords(error);
  if (error instanceof CommandError) return error.message;
  return `unexpected error: ${error}`;
}
