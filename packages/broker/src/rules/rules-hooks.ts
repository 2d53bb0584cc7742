/**
 * Rules as the hooks of a broker, and their exchange while it runs. A right that is revoked ends at once: for later
 * messages of live subscriptions, for queued, retained and shared messages, and for wills.
 */

import { ReasonCode } from "@aiko/mqtt/codec";
import type { BrokerClient } from "../clients/broker-client.js";
import type { BrokerHooks, HookRefusal } from "../hooks/broker-hooks.js";
import type { BrokerMessage } from "../messages/broker-message.js";
import type { RuleDecision } from "./listener-rules.js";
import type { RuledClient } from "./placeholders.js";
import type { RuleAction } from "./rule-settings.js";
import type { Rules } from "./rules.js";

/** The hooks that rules implement. */
export type RuleHooks = Required<
  Pick<BrokerHooks, "authorizePublish" | "authorizeSubscribe" | "authorizeDeliver" | "deliversToAll">
>;

/** The options of `rulesHooks`. */
export interface RulesHooksOptions {
  /**
   * Receives each refused message and topic filter, with the rule that decided, for the log. It is not called for
   * messages that a client must not receive. Default: none.
   */
  readonly onRefused?:
    | ((client: BrokerClient, action: RuleAction, topicOrFilter: string, decision: RuleDecision) => void)
    | undefined;
  /** Whether no rule holds for the clients of an identity. Default: the rules hold for all clients. */
  readonly exempts?: ((identity: string) => boolean) | undefined;
}

/** The hooks, and the rules that they ask. */
export interface ExchangeableRules {
  /** Options for `Broker.listen`. */
  readonly hooks: RuleHooks;
  /** The rules that hold now. */
  readonly rules: Rules;
  /** Replaces the rules. The new ones hold at once. */
  replace(rules: Rules): void;
}

/**
 * Returns hooks that ask the rules. Clients learn that they are refused, but not which rule decided.
 *
 * A subscription is checked when it is requested. If its right is revoked later, the subscription stays, but brings only
 * messages that the client may still read. A retained message is delivered as long as its publisher may still write to
 * its topic: the changed one, if `onPublish` changes it. If rules depend on the listener of the publisher, which is not
 * stored, the rules of one listener are enough after a restart.
 *
 * @example
 * const access = rulesHooks(new Rules(settings));
 * const broker = await Broker.listen({ ...access.hooks });
 * access.replace(new Rules(newSettings));
 */
export function rulesHooks(rules: Rules, options: RulesHooksOptions = {}): ExchangeableRules {
  return new RunningRules(rules, options);
}

type Permitted = true | HookRefusal;

/** Before other work has its turn: about 2 ms. */
const MOST_COMPARED = 20_000;

class RunningRules implements ExchangeableRules {
  readonly hooks: RuleHooks;
  /** How many rules and topics were compared with filters since the last wait. */
  private compared = 0;
  /** Retained messages whose publishers may write to their topics by the current rules. */
  private permitted = new WeakSet<BrokerMessage>();
  /** The listeners of the publishers of retained messages, if rules depend on them. Stored messages have none. */
  private readonly listeners = new WeakMap<BrokerMessage, string>();

  constructor(
    private current: Rules,
    private readonly options: RulesHooksOptions,
  ) {
    this.hooks = {
      authorizePublish: (client, message) => this.mayPublish(client, message),
      authorizeSubscribe: (client, { topicFilter }) => this.maySubscribe(client, topicFilter),
      authorizeDeliver: (client, message) => this.mayReceive(client, message),
      deliversToAll: (topic) => this.current.isReadableByAll(topic),
    };
  }

  get rules(): Rules {
    return this.current;
  }

  replace(rules: Rules): void {
    this.current = rules;
    this.permitted = new WeakSet();
  }

  private mayPublish(client: BrokerClient, message: BrokerMessage): Permitted {
    const permission = this.permission("write", client, message.topic);
    if (permission === true && message.retain) {
      this.permitted.add(message);
      const { listener } = client;
      if (listener !== undefined && this.current.dependsOnListener) this.listeners.set(message, listener);
    }
    return permission;
  }

  /** After many comparisons, the next decision waits for a turn of the event loop: a SUBSCRIBE may have 65,535 filters. */
  private maySubscribe(client: BrokerClient, filter: string): Permitted | Promise<Permitted> {
    if (this.compared < MOST_COMPARED) {
      const permission = this.permission("subscribe", client, filter);
      this.compared += 1 + this.current.visited;
      return permission;
    }
    return new Promise((resolve) =>
      setImmediate(() => {
        this.compared = 0;
        resolve(this.maySubscribe(client, filter));
      }),
    );
  }

  private mayReceive(client: BrokerClient, message: BrokerMessage): boolean {
    if (message.retain && !this.isStillPermitted(message)) return false;
    if (this.isExempt(client)) return true;
    return this.current.decide("read", client, message.topic).allowed;
  }

  /** The rules may have been replaced since the message was published, also by a restart. */
  private isStillPermitted(message: BrokerMessage): boolean {
    const { publisher: clientId, publisherIdentity: identity } = message;
    if (clientId === undefined || this.permitted.has(message)) return true;
    const allowed = this.isExempt({ identity }) || this.mayHavePublished({ clientId, identity }, message);
    if (allowed) this.permitted.add(message);
    return allowed;
  }

  /** After a restart, the listener is not known: then the rules of one listener are enough. */
  private mayHavePublished(publisher: RuledClient, message: BrokerMessage): boolean {
    const listener = this.listeners.get(message);
    if (listener === undefined) return this.current.isAllowedAnywhere("write", publisher, message.topic);
    return this.current.decide("write", { ...publisher, listener }, message.topic).allowed;
  }

  private isExempt({ identity }: { readonly identity: string | undefined }): boolean {
    return identity !== undefined && this.options.exempts?.(identity) === true;
  }

  private permission(action: "write" | "subscribe", client: BrokerClient, topicOrFilter: string): Permitted {
    if (this.isExempt(client)) return true;
    const { current } = this;
    // The will of a client that has not connected since a restart was never checked.
    const isUnknown = current.dependsOnListener && client.listener === undefined && !client.connected;
    const decision = isUnknown
      ? current.decideEverywhere(action, client, topicOrFilter)
      : current.decide(action, client, topicOrFilter);
    if (decision.allowed) return true;
    this.options.onRefused?.(client, action, topicOrFilter, decision);
    return REFUSALS[action];
  }
}

const REFUSALS = {
  write: { reasonCode: ReasonCode.NOT_AUTHORIZED, reason: "the rules do not allow publishing to this topic" },
  subscribe: {
    reasonCode: ReasonCode.NOT_AUTHORIZED,
    reason: "the rules do not allow subscribing to this topic filter",
  },
} as const satisfies Record<string, HookRefusal>;
