/** Reads a gateway's configuration from a file's text. Reads no file itself: files and environment variables are arguments. */

import { type DocumentOptions, type Problem, readDocument } from "@aiko/mqtt-configuration";
import type { Configuration } from "./configuration.js";
import { configurationTable } from "./fields.js";

/** Options of `readConfiguration`. */
export type ReadOptions = Omit<DocumentOptions, "repeatable">;

/** What `readConfiguration` returns: the configuration, or the problems that it has. */
export type ConfigurationRead =
  | { readonly configuration: Configuration; readonly problems?: undefined }
  /** All that were found, in the order of the lines. */
  | { readonly configuration?: undefined; readonly problems: readonly Problem[] };

const REPEATABLE = ["source", "uplink"];

/**
 * Reads a configuration from TOML, or from JSON if the file's name ends with ".json". Never throws: a text that is not valid gives problems.
 *
 * @param text the file's text, at most 1,048,576 characters
 */
export function readConfiguration(text: string, options: ReadOptions): ConfigurationRead {
  const { value, problems } = readDocument(text, configurationTable, { ...options, repeatable: REPEATABLE });
  return problems === undefined ? { configuration: value } : { problems };
}
