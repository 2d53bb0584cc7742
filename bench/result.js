// The result of a case: the median of each figure of each contender, the ratios, and the goals that they reach.

/**
 * @typedef {import("./case.ts").Figures} Figures
 * @typedef {import("./case.ts").Outcome} Outcome
 * @typedef {import("./case.ts").Result} Result
 * @typedef {import("./case.ts").Row} Row
 */

/** Returns the median and the extremes; NaN if there are no samples. @param {number[]} samples @returns {import("./case.ts").Summary} */
export function summary(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const { length } = sorted;
  const [median = NaN, lowest = NaN, highest = NaN] = [length >> 1, 0, length - 1].map((at) => sorted[at]);
  return { median, lowest, highest };
}

/** Returns the figure with this name, or undefined if it does not exist. @param {Figures | undefined} figures @param {string} name */
export function figureIn(figures, name) {
  const figure = figures?.[name];
  return typeof figure === "number" ? figure : undefined;
}

/** @param {Figures[]} rounds of one contender @returns {Outcome} */
export function summaries(rounds) {
  /** @type {Record<string, import("./case.ts").Summary>} */
  const figures = {};
  for (const name of Object.keys(rounds[0] ?? {})) {
    const samples = rounds.map((round) => figureIn(round, name)).filter((figure) => figure !== undefined);
    if (name !== "note") figures[name] = summary(samples);
  }
  const note = rounds.at(-1)?.note;
  return { figures, ...(note && { note }) };
}

/** Returns undefined if the contender failed or was not measured. @param {Result} result @param {string} contender @param {string} figure */
export function figureOf(result, contender, figure) {
  const outcome = result.contenders[contender];
  return outcome === undefined || outcome.failed !== undefined ? undefined : outcome.figures[figure]?.median;
}

/** Returns how many times as good ours is. @param {Result} result @param {Row} row @param {string} contender */
export function ratio(result, row, contender) {
  const ours = figureOf(result, "ours", row.figure);
  const theirs = figureOf(result, contender, row.figure);
  if (ours === undefined || theirs === undefined) return undefined;
  return row.better === "more" ? ours / theirs : theirs / ours;
}

/**
 * Returns a goal in words, the measured value, and whether it reaches the goal: undefined if it could not be measured.
 *
 * @param {Result} result
 * @param {Row} row
 * @param {import("./case.ts").Goal} goal
 */
export function judge(result, row, goal) {
  const ours = figureOf(result, "ours", row.figure);
  if ("value" in goal) {
    const words = row.better === "more" ? `≥ ${goal.value} ${row.unit}` : `≤ ${goal.value} ${row.unit}`;
    const reached = ours === undefined ? undefined : row.better === "more" ? ours >= goal.value : ours <= goal.value;
    return { words: words.trim(), measured: ours, unit: row.unit, reached };
  }
  const times = ratio(result, row, goal.against);
  if ("factor" in goal) {
    const reached = times === undefined ? undefined : times >= goal.factor;
    return { words: `${goal.factor} × ${goal.against}`, measured: times, unit: "×", reached };
  }
  const share = times === undefined || row.better === "more" ? times : 1 / times;
  const words = `${row.better === "more" ? "≥" : "≤"} ${goal.share} × ${goal.against}`;
  const reached = share === undefined ? undefined : row.better === "more" ? share >= goal.share : share <= goal.share;
  return { words, measured: share, unit: "×", reached };
}

/**
 * Returns the cost at the last point of a sweep, in multiples of the cost at another point, for one contender.
 *
 * @param {Result} result
 * @param {import("./case.ts").Flat} flat
 * @param {string} contender
 */
export function growth(result, flat, contender) {
  const from = figureOf(result, contender, flat.from);
  const to = figureOf(result, contender, flat.to);
  if (from === undefined || to === undefined) return undefined;
  return flat.better === "more" ? from / to : to / from;
}

/** Formats a figure for readers. @param {number | undefined} value @param {string} unit */
export function format(value, unit) {
  if (value === undefined) return "–";
  if (unit === "/s") return value >= 1_000_000 ? `${round(value / 1_000_000)} M/s` : `${round(value / 1_000)} k/s`;
  return unit === "" ? String(value) : `${round(value)} ${unit}`;
}

/** Formats a value with three digits. @param {number} value */
function round(value) {
  if (value >= 100) return String(Math.round(value));
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
