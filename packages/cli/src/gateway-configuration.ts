/** What the commands of the gateway have in common: the configuration that they read. */

import { type Configuration, readConfiguration, type SourceSettings } from "@aiko/mqtt-gateway";
import { ArgumentError } from "./arguments.js";
import { loadFile } from "./configuration-file.js";
import type { Terminal } from "./terminal.js";

/** @throws CommandError that lists all problems, with the exit code EX_CONFIG */
export function loadConfiguration(path: string, terminal: Terminal): Configuration {
  return loadFile(path, terminal, readConfiguration);
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
