/** What an outcome takes in memory, for the bounds of what waits to be accepted. */

import type { Outcome } from "../pipeline/outcome.js";

/** What an outcome costs in addition to its frame: its fields, its record. */
const OUTCOME_COST = 512;

export function costOf({ range }: Outcome): number {
  return OUTCOME_COST + range.to - range.from;
}
