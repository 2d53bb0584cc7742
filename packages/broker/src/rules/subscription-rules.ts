/** The rules about subscribing: finds the rule that decides about a topic filter for a client. */

import { covers, type FilterLevels, filterLevels, overlaps } from "./filter-coverage.js";
import { hasPlaceholder, type RuledClient, substituted } from "./placeholders.js";
import type { RuleSettings } from "./rule-settings.js";
import { Subjects } from "./subjects.js";

interface RankedRule {
  readonly rule: RuleSettings;
  readonly rank: number;
  /** The levels of each topic; the topic itself if it has placeholders. */
  readonly topics: readonly (FilterLevels | string)[];
}

export class SubscriptionRules {
  private readonly rules = new Subjects<RankedRule>();
  /** The most levels of a topic. */
  private deepest = 0;
  /** How many rules and topics the last call of `find` compared. */
  visited = 0;

  add(rule: RuleSettings, rank: number): void {
    const topics = rule.topics.map((topic) => (hasPlaceholder(topic) ? topic : filterLevels(topic)));
    for (const topic of rule.topics) this.deepest = Math.max(this.deepest, filterLevels(topic).length);
    this.rules.add(rule, { rule, rank, topics });
  }

  /**
   * Returns the first rule that denies the topic filter to the client, or else the first one that allows it. Returns
   * undefined if there is neither. @param filter unshared
   */
  find(client: RuledClient, filter: string): RuleSettings | undefined {
    const levels = filterLevels(filter, this.deepest + 1);
    let found: RankedRule | undefined;
    this.visited = 0;
    this.rules.visit(client, (candidate) => {
      this.visited++;
      if (found !== undefined && !precedes(candidate, found)) return;
      const { rule, topics } = candidate;
      const applies = rule.effect === "deny" ? denies : allows;
      this.visited += topics.length;
      if (topics.some((topic) => applies(rule, levelsFor(topic, client), levels))) found = candidate;
    });
    return found?.rule;
  }
}

function precedes(one: RankedRule, other: RankedRule): boolean {
  if (one.rule.effect !== other.rule.effect) return one.rule.effect === "deny";
  return one.rank < other.rank;
}

function levelsFor(topic: FilterLevels | string, client: RuledClient): FilterLevels | undefined {
  if (typeof topic !== "string") return topic;
  const own = substituted(topic, client);
  return own === undefined ? undefined : filterLevels(own);
}

/**
 * A denial refuses what it covers. It also refuses what it overlaps, if only subscribing is denied: otherwise the client
 * would receive the messages. If reading is denied, too, each message is checked instead.
 */
function denies({ actions }: RuleSettings, topic: FilterLevels | undefined, filter: FilterLevels): boolean {
  if (topic === undefined) return false;
  return actions.has("read") ? covers(topic, filter) : overlaps(topic, filter);
}

/** The right to read allows filters that also match other topics, since each message is checked. */
function allows({ actions }: RuleSettings, topic: FilterLevels | undefined, filter: FilterLevels): boolean {
  if (topic === undefined) return false;
  return actions.has("read") ? overlaps(topic, filter) : covers(topic, filter);
}
