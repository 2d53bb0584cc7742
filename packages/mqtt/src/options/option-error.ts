/** Errors about options: an unknown name, with a suggestion, and a wrong value. */

import { UsageError } from "../errors.js";
import { quotable } from "../topic/mqtt-string.js";
import { shownValue } from "../topic/shown-value.js";
import { nearest } from "./nearest.js";

/** Option names of other clients that do not resemble this client's names. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ["rejectUnauthorized", "tls.verifyServer"],
  ["end", "closed"],
]);

/** For a value that must not be shown, or that would explain nothing. @param name the option's path, as in "tls.ca" */
export function wrongOption(name: string, rule: string): UsageError {
  return new UsageError("OPTION_INVALID", `${name}: ${rule}`, { option: name });
}

export function invalidOption(name: string, value: unknown, rule: string): UsageError {
  return new UsageError("OPTION_INVALID", `${name} ${shownValue(value)}: ${rule}`, { option: name });
}

/** @param prefix the path of the containing option, with its dot, as in "outbox." */
export function unknownOption(name: string, known: readonly string[], prefix: string): UsageError {
  const option = prefix + quotable(name);
  const what = `unknown option "${option}"${questionOf(name, known, prefix)}`;
  return new UsageError("OPTION_UNKNOWN", what, { option });
}

/** Suggests the known name that resembles `name` most; returns an empty text if none resembles it. */
export function questionOf(name: string, known: readonly string[], prefix = ""): string {
  const elsewhere = ELSEWHERE.get(name);
  const near = nearest(name, known);
  const meant = known.some((each) => elsewhere?.startsWith(prefix + each)) ? elsewhere : near && prefix + near;
  return meant === undefined ? "" : `; did you mean "${meant}"?`;
}

/** @throws UsageError OPTION_INVALID */
export function assertObject(name: string, value: unknown): asserts value is object {
  if (typeof value === "object" && value !== null) return;
  const isClass = shownValue(value).startsWith("class ");
  throw wrongKind(name, value, `must be an object${isClass ? "; pass an instance made with new" : ""}`);
}

/** @throws UsageError OPTION_INVALID */
export function assertFunction(name: string, value: unknown): void {
  if (typeof value !== "function") throw wrongKind(name, value, "must be a function");
}

/** A string in place of another type may be a password, a token or a key, so it is not shown. */
function wrongKind(name: string, value: unknown, rule: string): UsageError {
  return typeof value === "string" ? wrongOption(name, `${rule}, not a string`) : invalidOption(name, value, rule);
}

/** @throws UsageError OPTION_INVALID if a callback follows the options, where it would never be called */
export function assertNoCallback(given: unknown): void {
  if (typeof given === "function")
    throw invalidOption("callback", given, "callbacks are not supported; await the returned promise instead");
}
