/** Finds the correct name for a misspelt one. */

/** The most letters that may be wrong. In a short name, one letter in three may be wrong. */
const MOST_WRONG = 3;

/**
 * Returns the name that differs least from the given text, ignoring case. Otherwise returns the first name that
 * contains the text or is contained in it; undefined if there is none.
 */
export function nearest(written: string, names: Iterable<string>): string | undefined {
  const a = written.toLowerCase();
  let most = Math.min(MOST_WRONG, Math.max(1, Math.floor(a.length / 3)));
  let best: string | undefined;
  let part: string | undefined;
  for (const name of names) {
    const b = name.toLowerCase();
    const wrong = distance(a, b, most);
    if (wrong <= most) {
      best = name;
      most = wrong - 1;
    }
    if (a.length > 2 && a.length <= 2 * b.length && (a.includes(b) || b.includes(a))) part ??= name;
  }
  return best ?? part;
}

/** Counts the letters that must be added, removed, changed or swapped; Infinity if there are more than `most`. */
function distance(a: string, b: string, most: number): number {
  if (a === b) return 0;
  if (most <= 0) return Infinity;
  let same = 0;
  while (a[same] !== undefined && a[same] === b[same]) same++;
  const [x, y] = [a.slice(same), b.slice(same)];
  const wrong = x[0] === y[1] && x[1] === y[0] ? 2 : 1;
  return (
    1 +
    Math.min(
      distance(x.slice(1), y, most - 1),
      distance(x, y.slice(1), most - 1),
      distance(x.slice(wrong), y.slice(wrong), most - 1),
    )
  );
}
