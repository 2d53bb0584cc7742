/** The file that configures a broker: our own, or one of mosquitto. */

import { readdirSync } from "node:fs";
import {
  type BrokerConfiguration,
  readBrokerConfiguration,
  readMosquittoConfiguration,
  readPasswordFile,
} from "@aiko/mqtt-broker/service";
import { type Problem, problemText } from "@aiko/mqtt-configuration";
import { ArgumentError, type Arguments, type OptionTable } from "./arguments.js";
import { configOption, configPath, loadFile } from "./configuration-file.js";
import type { Terminal } from "./terminal.js";

/** The options that name the file. */
export const fileOptions = {
  ...configOption,
  "mosquitto-conf": { value: "FILE", help: "a configuration of mosquitto, instead of --config" },
  "ignore-unknown": { help: "with --mosquitto-conf: options that are not supported are warnings" },
} as const satisfies OptionTable;

type FileArguments = Arguments<keyof typeof fileOptions>;

/** Returns the path. @param operand the argument that may be the path, too @throws ArgumentError */
export function brokerPath(args: FileArguments, operand: number): string {
  const conf = args.text("mosquitto-conf");
  if (conf === undefined && args.has("ignore-unknown"))
    throw new ArgumentError("--ignore-unknown requires --mosquitto-conf");
  if (conf === undefined) return configPath(args, operand);
  if (args.has("config")) throw new ArgumentError("--config cannot be combined with --mosquitto-conf");
  const other = args.operands[operand];
  if (other !== undefined) throw new ArgumentError(`--mosquitto-conf cannot be combined with "${other}"`);
  return conf;
}

/** Notes what differs from mosquitto. @throws CommandError that lists all problems, with the exit code EX_CONFIG */
export function loadBrokerFile(path: string, args: FileArguments, terminal: Terminal): BrokerConfiguration {
  if (!args.has("mosquitto-conf")) return loadFile(path, terminal, readBrokerConfiguration);
  const ignoreUnknown = args.has("ignore-unknown");
  let differences: readonly Problem[] = [];
  const configuration = loadFile<BrokerConfiguration>(path, terminal, (text, options) => {
    const read = readMosquittoConfiguration(text, { ...options, ignoreUnknown, readDirectory: readdirSync });
    differences = read.warnings ?? [];
    return read;
  });
  for (const each of differences) terminal.note(`warning: ${problemText(each)}`);
  return configuration;
}

/** Returns what is wrong with the permissions of the password files. */
export async function passwordWarnings({ users, listeners }: BrokerConfiguration): Promise<readonly string[]> {
  const paths = new Set(
    [users, ...listeners.flatMap((each) => each.users ?? [])].flatMap((each) => each.passwordFile ?? []),
  );
  const files = await Promise.all([...paths].map((path) => readPasswordFile(path)));
  return files.flatMap(({ warnings }) => warnings);
}
