/** Reads a configuration from a file's text. Reads no file itself: files and environment variables are arguments. Knows no field. */

import { readJson } from "./json-document.js";
import type { Kind } from "./kind.js";
import { Place, type Problem, Reading, type Secrets } from "./place.js";
import { readToml } from "./toml-document.js";

/** Options of `readDocument`. */
export interface DocumentOptions extends Secrets {
  /** The file's name, for messages. If it ends with ".json", the text is JSON, otherwise TOML. */
  readonly file: string;
  /** Names of sections that may be written several times, as `[[name]]`. Only the hints of messages use them. Default: none. */
  readonly repeatable?: readonly string[];
}

/** What `readDocument` returns: the value, or the problems that the text has. */
export type DocumentRead<Value> =
  | { readonly value: Value; readonly problems?: undefined }
  /** All that were found, in the order of the lines. */
  | { readonly value?: undefined; readonly problems: readonly Problem[] };

/** A longer text is not a configuration. */
const MAXIMUM_LENGTH = 2 ** 20;

/**
 * Reads a configuration. Never throws: a text that is not valid gives problems.
 *
 * @param text the file's text, at most 1,048,576 characters
 * @param root the kind of the whole document, usually a `table`
 */
export function readDocument<Value>(
  text: string,
  root: Kind<Value>,
  { file, repeatable, ...secrets }: DocumentOptions,
): DocumentRead<Value> {
  if (text.length > MAXIMUM_LENGTH) return fileProblem(file, 1, `is longer than ${MAXIMUM_LENGTH} characters`);
  const document = file.endsWith(".json") ? readJson(text) : readToml(text, repeatable);
  if ("message" in document) return fileProblem(file, document.line, document.message);
  const reading = new Reading(file, document.lines, secrets);
  const value = root.read(document.value, new Place(reading));
  if (value !== undefined) return { value };
  return { problems: reading.problems.sort((a, b) => a.line - b.line) };
}

function fileProblem(file: string, line: number, message: string): { problems: readonly Problem[] } {
  return { problems: [{ file, line, key: "", message }] };
}
