/**
 * How two topic filters relate: whether one covers the other, and whether they overlap. Pure. Knows nothing of rules. A
 * filter behind `$share/NAME/` is given without that prefix.
 */

/**
 * Returns whether `covering` matches every topic name that `filter` matches. Both are valid, unshared topic filters.
 *
 * @example covers("a/#", "a/+/b") // true
 * @example covers("#", "$SYS/#") // false: wildcards do not match topics that begin with "$" [MQTT-4.7.2-1]
 */
export function covers(covering: string, filter: string): boolean {
  const outer = levelsOf(covering);
  const inner = levelsOf(filter);
  if (crossesDollar(outer[0], inner[0])) return false;
  for (let i = 0; ; i++) {
    const [a, b] = [outer[i], inner[i]];
    if (a === "#") return true;
    if (a === undefined || b === undefined) return a === b;
    if (b === "#" || (a !== "+" && a !== b)) return false;
  }
}

/**
 * Returns whether there is a topic name that both filters match. Both are valid, unshared topic filters.
 *
 * @example overlaps("a/+", "+/b") // true: both match "a/b"
 */
export function overlaps(first: string, second: string): boolean {
  const one = levelsOf(first);
  const other = levelsOf(second);
  if (crossesDollar(one[0], other[0]) || crossesDollar(other[0], one[0])) return false;
  for (let i = 0; ; i++) {
    const [a, b] = [one[i], other[i]];
    if (a === "#" || b === "#") return true;
    if (a === undefined || b === undefined) return a === b;
    if (a !== "+" && b !== "+" && a !== b) return false;
  }
}

/** "#" alone matches topics of one level and more, as "+/#" does: a topic name is never empty. */
function levelsOf(filter: string): readonly string[] {
  return filter === "#" ? ["+", "#"] : filter.split("/");
}

/** Whether the first is a wildcard, and the second a first level that wildcards do not match. */
function crossesDollar(wild: string | undefined, literal: string | undefined): boolean {
  return wild === "+" && literal !== undefined && literal.startsWith("$");
}
