/** What a shell can complete of a command: its options, and what may follow each of them. Knows no shell. */

import { commonOptions, type OptionTable } from "../arguments.js";
import type { Command } from "../command.js";
import type { CommandEntry } from "../command-entry.js";

/** What may follow an option, or be an argument: something that the shell knows, or one of these words. */
export type Value = "file" | "directory" | "host" | "anything" | readonly string[];

export interface CompletableOption {
  /** As the user writes them: "-t", "--topic". */
  readonly spellings: readonly string[];
  readonly help: string;
  /** Undefined for a switch. */
  readonly value: Value | undefined;
  /** The placeholder of the value in the help; empty for a switch. */
  readonly placeholder: string;
  readonly repeats: boolean;
}

export interface CompletableCommand {
  /** Names may have two words. */
  readonly names: readonly string[];
  readonly summary: string;
  readonly options: readonly CompletableOption[];
  /** Undefined if the command takes no arguments. */
  readonly operand: Value | undefined;
}

export interface CompletableProgram {
  readonly name: string;
  /** The commands of the umbrella; the program itself for the others. */
  readonly commands: readonly CompletableCommand[];
}

/** What may follow an option, by its placeholder. */
const values: Readonly<Record<string, Value>> = {
  FILE: "file",
  PATH: "file",
  RECORDING: "file",
  DIR: "directory",
  HOST: "host",
  QOS: ["0", "1", "2"],
  VERSION: ["31", "311", "5", "auto"],
  WHEN: ["always", "new", "never"],
  "0|1": ["0", "1"],
  json: ["json"],
  "COMMAND NAME VALUE": ["connect", "publish", "subscribe", "unsubscribe", "disconnect", "will"],
};

export async function completableOf({ names, summary, load }: CommandEntry): Promise<CompletableCommand> {
  const { options, usage, operands = 0 } = await load();
  return {
    names,
    summary,
    options: Object.entries({ ...options, ...commonOptions } as OptionTable).map(([name, option]) => {
      const { letters = "", value, help, repeats = false } = option;
      return {
        spellings: [...[...letters].map((letter) => `-${letter}`), `--${name}`],
        help,
        value: value === undefined ? undefined : (values[value] ?? "anything"),
        placeholder: value ?? "",
        repeats,
      };
    }),
    operand: operands === 0 ? undefined : operandOf(usage),
  };
}

/** By the first argument in the usage. */
function operandOf(usage: Command["usage"]): Value {
  const words = /^[a-z]+(?:\|[a-z]+)+/.exec(usage)?.[0];
  if (words !== undefined) return words.split("|");
  return /\bFILE\b/.test(usage) ? "file" : /\bHOST\b/.test(usage) ? "host" : "anything";
}
