/**
 * How two topic filters relate: whether one covers the other, and whether they overlap. Pure. Knows nothing of rules. A
 * filter behind `$share/NAME/` is given without that prefix.
 */

/** The levels of a topic filter, as `covers` and `overlaps` compare them. */
export type FilterLevels = readonly string[];

/**
 * Splits a valid, unshared topic filter.
 *
 * @param most further levels are left out. To compare it with a filter of n levels, n + 1 are enough
 */
export function filterLevels(filter: string, most?: number): FilterLevels {
  // "#" alone matches topics of one level and more, as "+/#" does: a topic name is never empty.
  return filter === "#" ? ["+", "#"] : filter.split("/", most);
}

/**
 * Returns whether `covering` matches every topic name that `filter` matches.
 *
 * @example covers(filterLevels("a/#"), filterLevels("a/+/b")) // true
 * @example covers(filterLevels("#"), filterLevels("$SYS/#")) // false: wildcards do not match "$" [MQTT-4.7.2-1]
 */
export function covers(covering: FilterLevels, filter: FilterLevels): boolean {
  if (crossesDollar(covering[0], filter[0])) return false;
  for (let i = 0; ; i++) {
    const [a, b] = [covering[i], filter[i]];
    if (a === "#") return true;
    if (a === undefined || b === undefined) return a === b;
    if (b === "#" || (a !== "+" && a !== b)) return false;
  }
}

/**
 * Returns whether there is a topic name that both filters match.
 *
 * @example overlaps(filterLevels("a/+"), filterLevels("+/b")) // true: both match "a/b"
 */
export function overlaps(one: FilterLevels, other: FilterLevels): boolean {
  if (crossesDollar(one[0], other[0]) || crossesDollar(other[0], one[0])) return false;
  for (let i = 0; ; i++) {
    const [a, b] = [one[i], other[i]];
    if (a === "#" || b === "#") return true;
    if (a === undefined || b === undefined) return a === b;
    if (a !== "+" && b !== "+" && a !== b) return false;
  }
}

/** Whether the first is a wildcard, and the second a first level that wildcards do not match. */
function crossesDollar(wild: string | undefined, literal: string | undefined): boolean {
  return wild === "+" && literal?.startsWith("$") === true;
}
