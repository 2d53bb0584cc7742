/**
 * The rules for the clients of a listener: decides what a client may read, write and subscribe to, and names the rule that
 * decided. Knows nothing of the other listeners, of connections, messages and files.
 */

import { parseSharedFilter, sharedFilterProblem } from "@aiko/mqtt/topic";
import { DecisionCache } from "./decision-cache.js";
import { hasPlaceholder, type RuledClient, widened } from "./placeholders.js";
import type { RuleAction, RuleSettings } from "./rule-settings.js";
import { SubscriptionRules } from "./subscription-rules.js";
import { TopicRules } from "./topic-rules.js";

/** What the rules say about one action of one client. */
export interface RuleDecision {
  /** Whether the action is allowed. */
  readonly allowed: boolean;
  /** The rule that decided. Undefined if no rule matches. */
  readonly rule: RuleSettings | undefined;
  /** The reason in words, such as "denied by broker.toml:12". It is for the operator, not for clients. */
  readonly reason: string;
}

/** The most topics, and the most characters of each, that are known to be readable by every client, or not to be. */
const MOST_KNOWN = 10_000;
const LONGEST_KNOWN = 256;

/** If there are no rules, everything is allowed. Otherwise, what no rule allows is denied, and a denial wins. */
export class ListenerRules {
  private readonly writing = new TopicRules();
  private readonly reading = new TopicRules();
  private readonly subscribing = new SubscriptionRules();
  private readonly decisions: Readonly<Record<"read" | "write", DecisionCache<RuleDecision>>> = {
    read: new DecisionCache(),
    write: new DecisionCache(),
  };
  private readonly byRule = new Map<RuleSettings, RuleDecision>();
  /** The rules about reading that allow it to every client, and all those that deny it. */
  private readonly common = new TopicRules();
  private readonly commonTopics = new Map<string, boolean>();
  private readonly otherwise: RuleDecision;

  /** @param settings rules that were checked */
  constructor(private readonly settings: readonly RuleSettings[]) {
    this.otherwise = settings.length === 0 ? NO_RULES : NOT_ALLOWED;
    for (const [rank, rule] of settings.entries()) {
      this.byRule.set(rule, decisionOf(rule));
      const { actions } = rule;
      if (actions.has("write")) this.writing.add(rule, rank);
      if (!actions.has("read") && !actions.has("subscribe")) continue;
      this.reading.add(rule, rank);
      this.subscribing.add(rule, rank);
      const common = commonPart(rule);
      if (common !== undefined) this.common.add(common, rank);
    }
  }

  /** The same as `Rules.decide`. */
  decide(action: RuleAction, client: RuledClient, topicOrFilter: string): RuleDecision {
    if (this.settings.length === 0) return NO_RULES;
    if (action === "subscribe") return this.decisionBy(this.subscribing.find(client, unshared(topicOrFilter)));
    const cache = this.decisions[action];
    const known = cache.get(client, topicOrFilter);
    if (known !== undefined) return known;
    const rules = action === "write" ? this.writing : this.reading;
    const decision = this.decisionBy(rules.find(client, topicOrFilter));
    cache.add(client, topicOrFilter, decision);
    return decision;
  }

  /** How many rules and topics the last decision about a topic filter compared. */
  get visited(): number {
    return this.subscribing.visited;
  }

  /** Returns whether every client may receive messages of this topic name. If false, it depends on the client. */
  isReadableByAll(topic: string): boolean {
    if (this.settings.length === 0) return true;
    const known = this.commonTopics.get(topic);
    if (known !== undefined) return known;
    const isReadable = this.common.find(ANYONE, topic)?.effect === "allow";
    if (this.commonTopics.size >= MOST_KNOWN) this.commonTopics.clear();
    if (topic.length <= LONGEST_KNOWN) this.commonTopics.set(topic, isReadable);
    return isReadable;
  }

  private decisionBy(rule: RuleSettings | undefined): RuleDecision {
    return rule === undefined ? this.otherwise : (this.byRule.get(rule) as RuleDecision);
  }
}

const NO_RULES: RuleDecision = { allowed: true, rule: undefined, reason: "there are no rules" };
const NOT_ALLOWED: RuleDecision = { allowed: false, rule: undefined, reason: "no rule allows it" };
const ANYONE: RuledClient = { clientId: "", identity: undefined };

function decisionOf(rule: RuleSettings): RuleDecision {
  const allowed = rule.effect === "allow";
  return { allowed, rule, reason: `${allowed ? "allowed" : "denied"} by ${rule.origin}` };
}

/** The part of a rule that is the same for every client; for a denial, whatever it denies to any client. */
function commonPart(rule: RuleSettings): RuleSettings | undefined {
  const { effect, users, clients, topics } = rule;
  const subject = { users: undefined, clients: undefined };
  if (effect === "deny") return { ...rule, ...subject, topics: topics.map(widened) };
  if (users !== undefined || clients !== undefined) return undefined;
  return { ...rule, topics: topics.filter((topic) => !hasPlaceholder(topic)) };
}

/** Returns what a subscription's messages are matched against. */
function unshared(filter: string): string {
  return sharedFilterProblem(filter) === undefined ? (parseSharedFilter(filter)?.topicFilter ?? filter) : filter;
}
