/** What is said of an option that is wrong: of an unknown name, and what was meant by it, and of a wrong value. */

import { UsageError } from "../errors.js";
import { quotable } from "../topic/mqtt-string.js";
import { shownValue } from "../topic/shown-value.js";

/** Names that other clients have, where ours do not resemble them. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ["rejectUnauthorized", "tls.verifyServer"],
  ["end", "closed"],
]);

export function invalidOption(name: string, value: unknown, rule: string): UsageError {
  return new UsageError("OPTION_INVALID", `${name} ${shownValue(value)}: ${rule}`);
}

/** @param prefix what the name stands in, with its dot */
export function unknownOption(name: string, known: Iterable<string>, prefix = ""): UsageError {
  return new UsageError(
    "OPTION_UNKNOWN",
    `option "${prefix}${quotable(name)}": there is no such option${questionOf(name, known, prefix)}`,
  );
}

/** Asks whether the name that resembles `name` most was meant; nothing if none resembles it. */
export function questionOf(name: string, known: Iterable<string>, prefix = ""): string {
  let meant = "";
  let least = Math.max(1, Math.floor(name.length / 3)) + 1;
  const elsewhere = ELSEWHERE.get(name);
  for (const each of known) {
    const difference = elsewhere?.startsWith(`${prefix}${each}`) ? 0 : differenceOf(name, each);
    if (difference >= least) continue;
    least = difference;
    meant = difference === 0 && elsewhere !== undefined ? elsewhere : prefix + each;
  }
  return meant === "" ? "" : `; did you mean "${meant}"?`;
}

/** How many letters must be added, taken away or changed; 1 if one name is a part of the other. */
function differenceOf(one: string, other: string): number {
  const a = one.toLowerCase();
  const b = other.toLowerCase();
  if (a === b) return 0;
  if (a.length > LONGEST) return Infinity;
  if (a.length > 2 && (a.includes(b) || b.includes(a))) return 1;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 0; i < a.length; i++) {
    const above = row;
    row = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const changed = (above[j] as number) + (a[i] === b[j] ? 0 : 1);
      row.push(Math.min(changed, (above[j + 1] as number) + 1, (row[j] as number) + 1));
    }
  }
  return row[b.length] as number;
}

/** No name is longer. */
const LONGEST = 40;

/** @throws UsageError OPTION_INVALID */
export function assertObject(name: string, value: unknown): asserts value is object {
  if (typeof value === "object" && value !== null) return;
  const isClass = shownValue(value).startsWith("class ");
  throw invalidOption(name, value, `must be an object${isClass ? "; make one with new" : ""}`);
}

/** @throws UsageError OPTION_INVALID */
export function assertFunction(name: string, value: unknown): void {
  if (typeof value !== "function") throw invalidOption(name, value, "must be a function");
}

/** @throws UsageError OPTION_INVALID if a callback stands behind the options, where it would never be called */
export function assertNoCallback(given: unknown): void {
  if (typeof given === "function") throw invalidOption("callback", given, "there are no callbacks; await the promise");
}
