/** Which of several names somebody may have meant who wrote another. */

/** Letters that may be wrong, at most: of a short name, a third of them. */
const MOST_WRONG = 3;

/**
 * The name that differs least from what is written, whatever the case of its letters; else the first that is a part of it, or that it is a
 * part of; undefined if there is none.
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

/** How many letters must be added, left out, changed or swapped; more than `most` is Infinity. */
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
