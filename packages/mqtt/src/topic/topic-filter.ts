/** The rules for topic filters and for shared subscriptions, and whether a filter matches a name. */

import { UsageError } from "../errors.js";
import { quotable, stringProblem } from "./mqtt-string.js";
import { shownValue } from "./shown-value.js";

const PLUS = 0x2b;
const HASH = 0x23;
const SLASH = 0x2f;
const DOLLAR = 0x24;
const SHARE = "$share/";

/**
 * Returns the rule that `filter` breaks, in words that follow `topicFilter "…": `. Returns undefined if the filter is
 * valid.
 */
export function topicFilterProblem(filter: string): string | undefined {
  const length = filter.length;
  if (length === 0) return "must not be empty [MQTT-4.7.3-1]";
  let levelStart = 0;
  for (let i = 0; i < length; i++) {
    const unit = filter.charCodeAt(i);
    if (unit === SLASH) {
      levelStart = i + 1;
    } else if (unit === HASH) {
      if (i !== length - 1) return `"#" must be the last character, not the ${ordinal(i + 1)} [MQTT-4.7.1-2]`;
      if (i !== levelStart) return '"#" must be the only character of its level [MQTT-4.7.1-2]';
    } else if (unit === PLUS) {
      if (i !== levelStart || (i + 1 < length && filter.charCodeAt(i + 1) !== SLASH)) {
        return `"+" must be the only character of its level, at character ${i + 1} [MQTT-4.7.1-3]`;
      }
    }
  }
  return stringProblem(filter);
}

/**
 * Returns the rule of MQTT 5 for shared subscriptions that a filter with the prefix `$share/` breaks. Returns undefined
 * for valid and for other filters.
 */
export function sharedFilterProblem(filter: string): string | undefined {
  if (!filter.startsWith(SHARE)) return undefined;
  const end = filter.indexOf("/", SHARE.length);
  const shareName = end < 0 ? filter.slice(SHARE.length) : filter.slice(SHARE.length, end);
  if (shareName.length === 0) return "the share name must not be empty [MQTT-4.8.2-1]";
  if (shareName.includes("+") || shareName.includes("#")) {
    return 'the share name must contain neither "+" nor "#" [MQTT-4.8.2-2]';
  }
  if (end < 0 || end === filter.length - 1)
    return 'the share name must be followed by "/" and a topic filter [MQTT-4.8.2-2]';
  return undefined;
}

/**
 * Checks a topic filter.
 *
 * @throws UsageError TOPIC_FILTER_INVALID
 */
export function assertTopicFilter(filter: string): void {
  if (typeof filter !== "string") {
    throw new UsageError("TOPIC_FILTER_INVALID", `topicFilter: must be a string, not ${shownValue(filter)}`);
  }
  const problem = topicFilterProblem(filter) ?? sharedFilterProblem(filter);
  if (problem) {
    const what = `topicFilter "${quotable(filter)}": ${problem}`;
    throw new UsageError("TOPIC_FILTER_INVALID", what, { topicFilter: filter });
  }
}

/** The two parts of the filter of a shared subscription. */
export interface SharedFilter {
  /** The name of the group that shares the messages. */
  readonly shareName: string;
  /** The filter that topic names are matched against. */
  readonly topicFilter: string;
}

/**
 * Splits a valid filter `$share/NAME/FILTER`. Returns undefined if the filter is not shared.
 *
 * @example parseSharedFilter("$share/workers/jobs/#") // { shareName: "workers", topicFilter: "jobs/#" }
 */
export function parseSharedFilter(filter: string): SharedFilter | undefined {
  if (!filter.startsWith(SHARE)) return undefined;
  const end = filter.indexOf("/", SHARE.length);
  return { shareName: filter.slice(SHARE.length, end), topicFilter: filter.slice(end + 1) };
}

/** Returns whether a valid topic filter contains a wildcard, "+" or "#". */
export function hasWildcard(filter: string): boolean {
  return filter.includes("+") || filter.includes("#");
}

/**
 * Returns whether a valid, unshared `filter` matches a valid `name` [MQTT-4.7.1-2, 4.7.1-3, 4.7.2-1].
 *
 * @example topicFilterMatches("sport/+/player1/#", "sport/tennis/player1") // true
 */
export function topicFilterMatches(filter: string, name: string): boolean {
  if (name.charCodeAt(0) === DOLLAR) {
    const first = filter.charCodeAt(0);
    if (first === PLUS || first === HASH) return false;
  }
  let f = 0;
  let n = 0;
  for (;;) {
    const unit = f < filter.length ? filter.charCodeAt(f) : -1;
    if (unit === HASH) return true;
    if (unit === PLUS) {
      while (n < name.length && name.charCodeAt(n) !== SLASH) n++;
      f++;
    } else {
      while (f < filter.length && n < name.length && filter.charCodeAt(f) === name.charCodeAt(n)) {
        if (filter.charCodeAt(f) === SLASH) break;
        f++;
        n++;
      }
    }
    // Both must now be at the end of a level.
    if (f === filter.length) return n === name.length;
    if (filter.charCodeAt(f) !== SLASH) return false;
    if (n === name.length) return f + 2 === filter.length && filter.charCodeAt(f + 1) === HASH; // "a/#" matches "a"
    if (name.charCodeAt(n) !== SLASH) return false;
    f++;
    n++;
  }
}

function ordinal(n: number): string {
  const suffix = n % 100 >= 11 && n % 100 <= 13 ? "th" : (["th", "st", "nd", "rd"][n % 10] ?? "th");
  return `${n}${suffix}`;
}
