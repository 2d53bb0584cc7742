/** What the commands of the gateway have in common: the configuration that they read, and their exit codes. */

import { readFileSync } from "node:fs";
import { MqttError } from "@aiko/mqtt";
import { type Configuration, problemText, readConfiguration, type SourceSettings } from "@aiko/mqtt-gateway";
import { ArgumentError, type Arguments } from "./arguments.js";
import { CommandError } from "./command.js";
import type { Terminal } from "./terminal.js";

/** The exit code for a configuration that is not valid, as in sysexits.h. */
export const EX_CONFIG = 78;

/** Exit codes, as in sysexits.h: another process has the spool; the spool cannot be used. */
const EX_CANTCREAT = 73;
const EX_IOERR = 74;

/** The option that most commands of the gateway have. */
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

/** @throws CommandError that lists all problems, with the exit code EX_CONFIG */
export function loadConfiguration(path: string, { environment }: Terminal): Configuration {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new CommandError(`${path}: ${(error as Error).message}`, EX_CONFIG);
  }
  const { configuration, problems } = readConfiguration(text, {
    file: path,
    environment,
    readFile: (file) => readFileSync(file, "utf8"),
  });
  if (configuration === undefined) throw new CommandError(problems.map(problemText).join("\n"), EX_CONFIG);
  return configuration;
}

/** Returns the error that a command ends with if the spool cannot be used: with its exit code. */
export function spoolError(error: unknown): unknown {
  if (!(error instanceof MqttError)) return error;
  if (error.code === "STORE_LOCKED") return new CommandError(error.message, EX_CANTCREAT);
  return error.name === "StoreError" ? new CommandError(error.message, EX_IOERR) : error;
}

/** Returns the source with this id; without an id, the only one. */
export function sourceOf(sources: readonly SourceSettings[], id: string | undefined): SourceSettings {
  const ids = sources.map((source) => source.id).join(", ");
  const [only, ...others] = sources;
  if (only === undefined) throw new ArgumentError("the configuration has no source");
  if (id === undefined && others.length === 0) return only;
  if (id === undefined) throw new ArgumentError(`missing option --source; the sources are ${ids}`);
  const found = sources.find((source) => source.id === id);
  if (found === undefined) throw new ArgumentError(`--source ${id}: there is no such source; the sources are ${ids}`);
  return found;
}
