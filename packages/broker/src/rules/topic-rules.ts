/** The rules about one action, in a tree: finds the rule that decides about a topic name for a client. */

import { TopicTree, topicFilterMatches } from "@aiko/mqtt/topic";
import { hasPlaceholder, type RuledClient, substituted, widened } from "./placeholders.js";
import type { RuleSettings } from "./rule-settings.js";
import { Subjects } from "./subjects.js";

/** One topic of a rule. */
interface RuleTopic {
  readonly rule: RuleSettings;
  /** The place of the rule: of several rules that match, the first one decides. */
  readonly rank: number;
  /** The topic with placeholders; undefined if it has none. */
  readonly pattern: string | undefined;
}

export class TopicRules {
  private readonly tree = new TopicTree<Subjects<RuleTopic>>();
  /** By the filter in the tree: all rules with the same filter are one value. */
  private readonly byFilter = new Map<string, Subjects<RuleTopic>>();

  add(rule: RuleSettings, rank: number): void {
    for (const topic of rule.topics) {
      const pattern = hasPlaceholder(topic) ? topic : undefined;
      const filter = pattern === undefined ? topic : widened(pattern);
      let subjects = this.byFilter.get(filter);
      if (subjects === undefined) {
        subjects = new Subjects();
        this.byFilter.set(filter, subjects);
        this.tree.add(filter, subjects);
      }
      subjects.add(rule, { rule, rank, pattern });
    }
  }

  /**
   * Returns the first rule that denies the topic name to the client, or else the first one that allows it. Returns
   * undefined if no rule matches.
   */
  find(client: RuledClient, topic: string): RuleSettings | undefined {
    let found: RuleTopic | undefined;
    const consider = (candidate: RuleTopic): void => {
      if (found !== undefined && !precedes(candidate, found)) return;
      if (candidate.pattern === undefined || matches(candidate.pattern, client, topic)) found = candidate;
    };
    this.tree.match(topic, (subjects) => subjects.visit(client, consider));
    return found?.rule;
  }
}

function precedes(one: RuleTopic, other: RuleTopic): boolean {
  if (one.rule.effect !== other.rule.effect) return one.rule.effect === "deny";
  return one.rank < other.rank;
}

function matches(pattern: string, client: RuledClient, topic: string): boolean {
  const filter = substituted(pattern, client);
  return filter !== undefined && topicFilterMatches(filter, topic);
}
