/** The file that configures a gateway or a broker: where a command line names it, and how it is read. Knows no key of either. */

import { readFileSync } from "node:fs";
import { type DocumentOptions, type Problem, problemText } from "@aiko/mqtt-configuration";
import { ArgumentError, type Arguments } from "./arguments.js";
import { CommandError } from "./command.js";
import type { Terminal } from "./terminal.js";

/** The exit code for a configuration that is not valid, as in sysexits.h. */
export const EX_CONFIG = 78;

/** The option of commands that need a configuration. */
export const configOption = {
  config: { letters: "c", value: "FILE", help: "the configuration: TOML, or JSON if its name ends with .json" },
} as const;

/** Returns the configuration's path: the option --config, or the operand at this place. */
export function configPath(args: Arguments<"config">, operand: number): string {
  const path = args.text("config") ?? args.operands[operand];
  if (path === undefined) throw new ArgumentError("missing the configuration: pass --config FILE");
  if (args.has("config") && args.operands[operand] !== undefined) {
    throw new ArgumentError(`--config cannot be combined with "${args.operands[operand]}"`);
  }
  return path;
}

/** A function that reads a configuration from a text, and what it returns. */
type Reader<Configuration> = (
  text: string,
  options: Omit<DocumentOptions, "repeatable">,
) =>
  | { readonly configuration: Configuration; readonly problems?: undefined }
  | { readonly configuration?: undefined; readonly problems: readonly Problem[] };

/** @throws CommandError that lists all problems, with the exit code EX_CONFIG */
export function loadFile<Configuration>(
  path: string,
  { environment }: Pick<Terminal, "environment">,
  read: Reader<Configuration>,
): Configuration {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new CommandError(`${path}: ${(error as Error).message}`, EX_CONFIG);
  }
  const { configuration, problems } = read(text, { file: path, environment, readFile: readText });
  if (problems !== undefined) throw new CommandError(problems.map(problemText).join("\n"), EX_CONFIG);
  return configuration;
}

/** Returns the text of a file that a configuration names. */
export function readText(path: string): string {
  return readFileSync(path, "utf8");
}
