/** Reads a broker's configuration from a file's text. Opens no file itself: files and environment variables are arguments. */

import { type DocumentOptions, type Problem, readDocument } from "@aiko/mqtt-configuration";
import type { BrokerConfiguration } from "./broker-configuration.js";
import { configurationTable } from "./configuration-fields.js";

/** Options of `readBrokerConfiguration`. */
export type BrokerReadOptions = Omit<DocumentOptions, "repeatable">;

/** What `readBrokerConfiguration` returns: the configuration, or the problems that it has. */
export type BrokerConfigurationRead =
  | { readonly configuration: BrokerConfiguration; readonly problems?: undefined }
  /** All that were found, in the order of the lines. */
  | { readonly configuration?: undefined; readonly problems: readonly Problem[] };

const REPEATABLE = ["listener", "rule"];

/**
 * Reads a configuration from TOML, or from JSON if the file's name ends with ".json". Never throws: a text that is not valid gives problems.
 *
 * @param text the file's text, at most 1,048,576 characters. An empty text gives the defaults
 */
export function readBrokerConfiguration(text: string, options: BrokerReadOptions): BrokerConfigurationRead {
  const { value, problems } = readDocument(text, configurationTable, { ...options, repeatable: REPEATABLE });
  return problems === undefined ? { configuration: value } : { problems };
}
