/** Which of several words somebody may have meant who wrote another. */

/** Letters that may be wrong. */
const MOST_WRONG = 2;

/** The word that `written` begins, or else the one with the fewest letters wrong; undefined if none is near. */
export function nearest(written: string, words: readonly string[]): string | undefined {
  const begun = written.length > 1 ? words.filter((word) => word.startsWith(written)) : [];
  if (begun.length === 1) return begun[0];
  const allowed = Math.min(MOST_WRONG, Math.floor((written.length + 1) / 3));
  const [best] = words
    .map((word) => ({ word, wrong: editDistance(written, word) }))
    .filter(({ wrong }) => wrong <= allowed)
    .sort((a, b) => a.wrong - b.wrong);
  return best?.word;
}

/** Letters added, left out, changed, or in each other's place. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > MOST_WRONG) return MOST_WRONG + 1;
  let before: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        at(last, j) + 1,
        at(row, j - 1) + 1,
        at(last, j - 1) + (same ? 0 : 1),
        swapped ? at(before, j - 2) + 1 : Infinity,
      );
    }
    before = last;
    last = row;
  }
  return at(last, b.length);
}

const at = (row: readonly number[], index: number): number => row[index] as number;
