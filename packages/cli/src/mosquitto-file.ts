/** The file mosquitto.conf as a configuration of the broker. */

import { readdirSync } from "node:fs";
import { type BrokerConfiguration, readMosquittoConfiguration } from "@aiko/mqtt-broker/service";
import { type Problem, problemText } from "@aiko/mqtt-configuration";
import { loadFile } from "./configuration-file.js";
import type { Terminal } from "./terminal.js";

/** Notes what differs from mosquitto. @throws CommandError that lists all problems, with the exit code EX_CONFIG */
export function loadMosquittoFile(path: string, ignoreUnknown: boolean, terminal: Terminal): BrokerConfiguration {
  let differences: readonly Problem[] = [];
  const configuration = loadFile<BrokerConfiguration>(path, terminal, (text, options) => {
    const read = readMosquittoConfiguration(text, { ...options, ignoreUnknown, readDirectory: readdirSync });
    differences = read.warnings ?? [];
    return read;
  });
  for (const each of differences) terminal.note(`warning: ${problemText(each)}`);
  return configuration;
}
