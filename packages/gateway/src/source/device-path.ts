/** Finds the one device that a path or a pattern means. */

import { readdir, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Devices that an error names. */
const MOST_NAMED = 5;

/**
 * Resolves to the device's real path. The last level of the pattern may have `*` for any characters and `?` for one.
 *
 * @throws Error if not exactly one device matches
 */
export async function findDevice(pattern: string): Promise<string> {
  const [directory, name] = [dirname(pattern), basename(pattern)];
  if (!/[*?]/.test(name)) return realpath(pattern);
  const found = (await readdir(directory)).filter((each) => isMatch(each, name)).sort();
  const [first, ...others] = found;
  if (first === undefined) throw new Error(`no device matches ${pattern}`);
  if (others.length === 0) return realpath(join(directory, first));
  const names = `${found.slice(0, MOST_NAMED).join(", ")}${found.length > MOST_NAMED ? ", …" : ""}`;
  throw new Error(`${found.length} devices match ${pattern}: ${names}; write a pattern that matches only one`);
}

/** Whether a name matches a pattern. Goes back to the last `*` only, so the time is bounded by the product of the lengths. */
export function isMatch(name: string, pattern: string): boolean {
  let [at, of, star, from] = [0, 0, -1, 0];
  while (at < name.length) {
    const wanted = pattern[of];
    if (wanted === "*") {
      star = of++;
      from = at;
    } else if (wanted === "?" || wanted === name[at]) {
      of++;
      at++;
    } else if (star >= 0) {
      of = star + 1;
      at = ++from;
    } else {
      return false;
    }
  }
  while (pattern[of] === "*") of++;
  return of === pattern.length;
}
