/**
 * The rules of a broker: those of all listeners, and those of single ones. Knows nothing of connections, messages and
 * files.
 */

import { ListenerRules, type RuleDecision } from "./listener-rules.js";
import type { RuledClient } from "./placeholders.js";
import { assertRule } from "./rule-faults.js";
import type { RuleAction, RuleSettings } from "./rule-settings.js";

/**
 * Rules that were checked and prepared. If there are no rules for the listener of a client, everything is allowed.
 * Otherwise, what no rule allows is denied, and a rule that denies wins over rules that allow.
 *
 * @example
 * const rules = new Rules([
 *   { origin: "1", users: ["ann"], clients: undefined, effect: "allow", actions: new Set(["read"]), topics: ["a/#"] },
 * ]);
 * rules.decide("read", { clientId: "c", identity: "ann" }, "a/b").allowed; // true
 */
export class Rules {
  /** For the clients of listeners that have no rules of their own. */
  private readonly common: ListenerRules;
  private readonly ofListeners = new Map<string, ListenerRules>();
  private last: ListenerRules;

  /** @throws UsageError OPTION_INVALID or TOPIC_FILTER_INVALID if a rule is not valid. The message begins with its origin */
  constructor(readonly settings: readonly RuleSettings[]) {
    for (const rule of settings) assertRule(rule);
    this.common = new ListenerRules(settings.filter(({ listeners }) => listeners === undefined));
    this.last = this.common;
    for (const name of new Set(settings.flatMap(({ listeners }) => listeners ?? []))) {
      const own = settings.filter(({ listeners }) => listeners === undefined || listeners.includes(name));
      this.ofListeners.set(name, new ListenerRules(own));
    }
  }

  /** Whether a decision may depend on the listener of the client. */
  get dependsOnListener(): boolean {
    return this.ofListeners.size > 0;
  }

  /**
   * Decides about an action of a client. "read" is about receiving a message, "write" about publishing one, both of a
   * topic name. "subscribe" is about a topic filter, which may begin with `$share/NAME/`.
   */
  decide(action: RuleAction, client: RuledClient, topicOrFilter: string): RuleDecision {
    this.last = this.of(client.listener);
    return this.last.decide(action, client, topicOrFilter);
  }

  /** Returns the decision that denies, if that of any listener does. For clients whose listener is not known any more. */
  decideEverywhere(action: RuleAction, client: RuledClient, topicOrFilter: string): RuleDecision {
    const decisions = [...this.ofListeners.values()].map((rules) => rules.decide(action, client, topicOrFilter));
    return decisions.find(({ allowed }) => !allowed) ?? this.common.decide(action, client, topicOrFilter);
  }

  /** Returns whether a client of one of the listeners may do it. */
  isAllowedAnywhere(action: RuleAction, client: RuledClient, topicOrFilter: string): boolean {
    for (const rules of [this.common, ...this.ofListeners.values()])
      if (rules.decide(action, client, topicOrFilter).allowed) return true;
    return false;
  }

  /** How many rules and topics the last decision about a topic filter compared. @internal */
  get visited(): number {
    return this.last.visited;
  }

  /** Returns whether every client may receive messages of this topic name. If false, it depends on the client. */
  isReadableByAll(topic: string): boolean {
    if (!this.common.isReadableByAll(topic)) return false;
    for (const rules of this.ofListeners.values()) if (!rules.isReadableByAll(topic)) return false;
    return true;
  }

  private of(listener: string | undefined): ListenerRules {
    return (listener === undefined ? undefined : this.ofListeners.get(listener)) ?? this.common;
  }
}
