/** What the commands of the gateway have in common: the configuration that they read, and their exit codes for the spool. */

import { MqttError } from "@aiko/mqtt";
import { type Configuration, readConfiguration, type SourceSettings } from "@aiko/mqtt-gateway";
import { ArgumentError } from "./arguments.js";
import { CommandError } from "./command.js";
import { loadFile } from "./configuration-file.js";
import type { Terminal } from "./terminal.js";

/** Exit codes, as in sysexits.h: another process has the spool; the spool cannot be used. */
const EX_CANTCREAT = 73;
const EX_IOERR = 74;

/** @throws CommandError that lists all problems, with the exit code EX_CONFIG */
export function loadConfiguration(path: string, terminal: Terminal): Configuration {
  return loadFile(path, terminal, readConfiguration);
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
