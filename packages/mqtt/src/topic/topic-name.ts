/**
 * The rules for topic names. Scans once, left to right; data from the network is never matched against a regular
 * expression.
 */

import { UsageError } from "../errors.js";
import { quotable, stringProblem } from "./mqtt-string.js";
import { shownValue } from "./shown-value.js";

const PLUS = 0x2b;
const HASH = 0x23;

/**
 * Returns the rule that `name` breaks, in words that follow `topicName "…": `. Returns undefined if the name is valid.
 */
export function topicNameProblem(name: string): string | undefined {
  if (name.length === 0) return "must not be empty [MQTT-4.7.3-1]";
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    if (unit === PLUS || unit === HASH) {
      return `must not contain the wildcard "${name[i]}", at character ${i + 1} [MQTT-3.3.2-2]`;
    }
  }
  return stringProblem(name);
}

/**
 * Checks a topic name.
 *
 * @throws UsageError TOPIC_NAME_INVALID
 */
export function assertTopicName(name: string): void {
  if (typeof name !== "string") {
    throw new UsageError("TOPIC_NAME_INVALID", `topicName: must be a string, not ${shownValue(name)}`);
  }
  const problem = topicNameProblem(name);
  if (problem) throw new UsageError("TOPIC_NAME_INVALID", `topicName "${quotable(name)}": ${problem}`, { topic: name });
}
