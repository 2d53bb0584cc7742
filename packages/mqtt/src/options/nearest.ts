/** Finds the name that somebody meant who misspelt it. */

/** How many letters may be wrong: in a short name one of three, in any name no more than this. */
const MOST_WRONG = 3;

/**
 * Returns the name that differs least from what is written, ignoring case; else the first that is a part of it, or that it is a part of;
 * undefined if there is none.
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

/** Counts the letters that must be added, left out, changed or swapped; Infinity if there are more than `most`. */
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
