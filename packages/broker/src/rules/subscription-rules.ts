/** The rules about subscribing: finds the rule that decides about a topic filter for a client. */

import { covers, overlaps } from "./filter-coverage.js";
import { type RuledClient, substituted } from "./placeholders.js";
import type { RuleSettings } from "./rule-settings.js";
import { Subjects } from "./subjects.js";

interface RankedRule {
  readonly rule: RuleSettings;
  readonly rank: number;
}

export class SubscriptionRules {
  private readonly rules = new Subjects<RankedRule>();

  add(rule: RuleSettings, rank: number): void {
    this.rules.add(rule, { rule, rank });
  }

  /**
   * Returns the first rule that denies the topic filter to the client, or else the first one that allows it. Returns
   * undefined if there is neither. @param filter unshared
   */
  find(client: RuledClient, filter: string): RuleSettings | undefined {
    let found: RankedRule | undefined;
    this.rules.visit(client, (candidate) => {
      const { rule, rank } = candidate;
      const isDecided = found !== undefined && found.rule.effect === "deny";
      if (isDecided && rule.effect === "allow") return;
      const isSameEffect = found?.rule.effect === rule.effect;
      if (isSameEffect && found !== undefined && found.rank < rank) return;
      const applies = rule.effect === "deny" ? denies : allows;
      if (rule.topics.some((topic) => applies(rule, substituted(topic, client), filter))) found = candidate;
    });
    return found?.rule;
  }
}

/**
 * A denial refuses what it covers. It also refuses what it overlaps, if only subscribing is denied: otherwise the client
 * would receive the messages. If reading is denied, too, each message is checked instead.
 */
function denies({ actions }: RuleSettings, topic: string | undefined, filter: string): boolean {
  if (topic === undefined) return false;
  return actions.has("read") ? covers(topic, filter) : overlaps(topic, filter);
}

/** The right to read allows filters that also match other topics, since each message is checked. */
function allows({ actions }: RuleSettings, topic: string | undefined, filter: string): boolean {
  if (topic === undefined) return false;
  return actions.has("read") ? overlaps(topic, filter) : covers(topic, filter);
}
