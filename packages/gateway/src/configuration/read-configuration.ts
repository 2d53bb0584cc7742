/** Reads a configuration from a file's text. Reads no file itself: files and environment variables are arguments. */

import type { Configuration } from "./configuration.js";
import { configurationTable } from "./fields.js";
import { readJson } from "./json-document.js";
import { Place, type Problem, Reading, type Secrets } from "./place.js";
import { readToml } from "./toml-document.js";

/** Options of `readConfiguration`. */
export interface ReadOptions extends Secrets {
  /** The file's name, for messages. If it ends with ".json", the text is JSON. */
  readonly file: string;
}

/** What `readConfiguration` returns: the configuration, or the problems that it has. */
export type ConfigurationRead =
  | { readonly configuration: Configuration; readonly problems?: undefined }
  /** All that were found, in the order of the lines. */
  | { readonly configuration?: undefined; readonly problems: readonly Problem[] };

/** A longer text is not a configuration. */
const MAXIMUM_LENGTH = 2 ** 20;

/**
 * Reads a configuration from TOML, or from JSON if the file's name ends with ".json". Never throws: a text that is not valid gives problems.
 *
 * @param text the file's text, at most 1,048,576 characters
 */
export function readConfiguration(text: string, { file, ...secrets }: ReadOptions): ConfigurationRead {
  if (text.length > MAXIMUM_LENGTH) return fileProblem(file, 1, `is longer than ${MAXIMUM_LENGTH} characters`);
  const document = file.endsWith(".json") ? readJson(text) : readToml(text);
  if ("message" in document) return fileProblem(file, document.line, document.message);
  const reading = new Reading(file, document.lines, secrets);
  const configuration = configurationTable.read(document.value, new Place(reading));
  if (configuration !== undefined) return { configuration };
  return { problems: reading.problems.sort((a, b) => a.line - b.line) };
}

function fileProblem(file: string, line: number, message: string): ConfigurationRead {
  return { problems: [{ file, line, key: "", message }] };
}
