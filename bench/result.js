// What came of a case: the median of each figure of each contender, the ratios, and which goals they reach.

/** The middle one, and the extremes. */
export function summary(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  return { median: sorted[sorted.length >> 1], lowest: sorted[0], highest: sorted.at(-1) };
}

/** @param rounds of one contender, each `{ figures, note }` */
export function summaries(rounds) {
  const figures = {};
  for (const name of Object.keys(rounds[0])) {
    if (name !== "note") figures[name] = summary(rounds.map((round) => round[name]));
  }
  const { note } = rounds.at(-1);
  return { figures, ...(note && { note }) };
}

/** Undefined if the contender failed, or was not there. */
export const figureOf = (result, contender, figure) => result.contenders[contender]?.figures?.[figure]?.median;

/** How many times as good as theirs ours is. */
export function ratio(result, row, contender) {
  const ours = figureOf(result, "ours", row.figure);
  const theirs = figureOf(result, contender, row.figure);
  if (ours === undefined || theirs === undefined) return undefined;
  return row.better === "more" ? ours / theirs : theirs / ours;
}

/** A goal in words, what was measured of it, and whether that reaches it; undefined if it could not be measured. */
export function judge(result, row, goal) {
  const ours = figureOf(result, "ours", row.figure);
  if (goal.value !== undefined) {
    const words = row.better === "more" ? `≥ ${goal.value} ${row.unit}` : `≤ ${goal.value} ${row.unit}`;
    const reached = ours === undefined ? undefined : row.better === "more" ? ours >= goal.value : ours <= goal.value;
    return { words: words.trim(), measured: ours, unit: row.unit, reached };
  }
  const times = ratio(result, row, goal.against);
  if (goal.factor !== undefined) {
    const reached = times === undefined ? undefined : times >= goal.factor;
    return { words: `${goal.factor} × ${goal.against}`, measured: times, unit: "×", reached };
  }
  const share = times === undefined || row.better === "more" ? times : 1 / times;
  const words = `${row.better === "more" ? "≥" : "≤"} ${goal.share} × ${goal.against}`;
  const reached = share === undefined ? undefined : row.better === "more" ? share >= goal.share : share <= goal.share;
  return { words, measured: share, unit: "×", reached };
}

/** A sweep's cost at its last point in multiples of that at another, for one contender. */
export function growth(result, flat, contender) {
  const from = figureOf(result, contender, flat.from);
  const to = figureOf(result, contender, flat.to);
  if (from === undefined || to === undefined) return undefined;
  return flat.better === "more" ? from / to : to / from;
}

/** A figure for people. */
export function format(value, unit) {
  if (value === undefined) return "–";
  if (unit === "/s") return value >= 1_000_000 ? `${round(value / 1_000_000)} M/s` : `${round(value / 1_000)} k/s`;
  return unit === "" ? String(value) : `${round(value)} ${unit}`;
}

/** Three digits. */
function round(value) {
  if (value >= 100) return String(Math.round(value));
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
