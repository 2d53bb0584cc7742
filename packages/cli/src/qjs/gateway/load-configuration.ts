/** Reads the configuration of the gateway from its file. A part of its own: it is used at the start and at a reload only. */

import * as os from "qjs:os";
import { loadFile, strerror } from "qjs:std";
import { problemText } from "@aiko/mqtt-configuration";
import { type Configuration, readConfiguration } from "@aiko/mqtt-gateway";
import { refusals } from "./refusals.js";

/** The configuration, or its problems: one line each. */
export type ConfigurationLoad =
  | { readonly configuration: Configuration; readonly problems?: undefined }
  | { readonly problems: readonly string[] };

export function loadConfiguration(
  path: string,
  environment: Readonly<Record<string, string | undefined>>,
): ConfigurationLoad {
  let text: string;
  try {
    text = readText(path);
  } catch (error) {
    return { problems: [(error as Error).message] };
  }
  const { configuration, problems } = readConfiguration(text, { file: path, environment, readFile: readText });
  if (problems !== undefined) return { problems: problems.map(problemText) };
  const refused = refusals(configuration);
  return refused.length > 0 ? { problems: refused.map((each) => `${path}: ${each}`) } : { configuration };
}

/** @throws Error that names the file */
function readText(path: string): string {
  const text = loadFile(path);
  if (text !== null) return text;
  const [, errno] = os.stat(path);
  throw new Error(`${path}: ${errno === 0 ? "the file cannot be read" : strerror(errno)}`);
}
