/** Checks one rule before it is used: its lists, its words, and its topics. */

import { UsageError } from "@aiko/mqtt";
import { wrongOption } from "@aiko/mqtt/options";
import { topicFilterProblem } from "@aiko/mqtt/topic";
import { hasPlaceholder } from "./placeholders.js";
import type { RuleAction, RuleSettings } from "./rule-settings.js";

const actionNames: ReadonlySet<RuleAction> = new Set(["read", "write", "subscribe"]);

/** @throws UsageError OPTION_INVALID or TOPIC_FILTER_INVALID. The message begins with the origin of the rule */
export function assertRule(rule: RuleSettings): void {
  const { origin, users, clients, listeners, effect, actions, topics } = rule;
  const invalid = (name: keyof RuleSettings, what: string): UsageError => wrongOption(`${origin}: ${name}`, what);
  if (effect !== "allow" && effect !== "deny") throw invalid("effect", 'must be "allow" or "deny"');
  if (actions.size === 0 || [...actions].some((each) => !actionNames.has(each)))
    throw invalid("actions", 'must be some of "read", "write" and "subscribe"');
  if (users?.length === 0)
    throw invalid("users", 'must not be empty; remove it for every client, or use "" for clients without an identity');
  if (clients?.length === 0) throw invalid("clients", "must not be empty; remove it for every client");
  if (listeners?.length === 0) throw invalid("listeners", "must not be empty; remove it for every listener");
  if (topics.length === 0) throw invalid("topics", "must not be empty");
  for (const topic of topics) {
    const problem = ruleTopicProblem(topic);
    if (problem === undefined) continue;
    const what = `${origin}: topic ${JSON.stringify(topic)}: ${problem}`;
    throw new UsageError("TOPIC_FILTER_INVALID", what, { topicFilter: topic });
  }
}

/** Returns what is wrong with the topic of a rule, in words that follow it. Returns undefined if it is valid. */
export function ruleTopicProblem(topic: string): string | undefined {
  const problem = topicFilterProblem(topic);
  if (problem !== undefined) return problem;
  if (topic.startsWith("$share/"))
    return "must not begin with $share; a rule is about the topic filter behind the share name";
  const [first = ""] = topic.split("/", 1);
  if (first.startsWith("$") && hasPlaceholder(first))
    return 'must not have a placeholder in a first level that begins with "$"';
  return undefined;
}
