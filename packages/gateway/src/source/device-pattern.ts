/** A pattern for the name of a device, and the one name that it means. Knows nothing of directories. Pure. */

/** Devices that an error names. */
const MOST_NAMED = 5;

/** Whether a name is a pattern, or means only itself. */
export function isPattern(name: string): boolean {
  return /[*?]/.test(name);
}

/**
 * Returns the one of the names that matches.
 *
 * @param path the pattern with its directory, for errors
 * @throws Error if not exactly one name matches
 */
export function onlyMatch(names: readonly string[], pattern: string, path: string): string {
  const found = names.filter((each) => isMatch(each, pattern)).sort();
  const [first, ...others] = found;
  if (first === undefined) throw new Error(`no device matches ${path}`);
  if (others.length === 0) return first;
  const shown = `${found.slice(0, MOST_NAMED).join(", ")}${found.length > MOST_NAMED ? ", …" : ""}`;
  throw new Error(`${found.length} devices match ${path}: ${shown}; write a pattern that matches only one`);
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
