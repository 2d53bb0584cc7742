/** The subscriptions of the application: finds those that match a published message. */

import { ClosedError, UsageError } from "@aiko/mqtt";
import type { EventEmitter } from "@aiko/mqtt/session";
import { assertTopicFilter, parseSharedFilter, TopicTree } from "@aiko/mqtt/topic";
import type { BrokerEvents } from "../broker-events.js";
import type { PublishedMessage } from "../messages/published-message.js";
import type { Router } from "../messages/router.js";
import { hasMoreLevels } from "../messages/topic-levels.js";
import type { BrokerSettings } from "../options/broker-options.js";
import type { Hearing } from "./application-queue.js";
import { type ApplicationOwner, OwnSubscription } from "./application-subscription.js";
import { type ApplicationHandler, type BrokerSubscribeOptions, readTerms } from "./broker-subscription.js";

export class ApplicationSubscriptions implements ApplicationOwner {
  readonly clock: BrokerSettings["clock"];
  private readonly tree = new TopicTree<OwnSubscription>();
  private readonly subscriptions = new Set<OwnSubscription>();
  private closed = false;

  constructor(
    private readonly settings: Pick<BrokerSettings, "clock" | "maximumTopicLevels">,
    private readonly router: Pick<Router, "retainedFor">,
    private readonly events: EventEmitter<BrokerEvents>,
  ) {
    this.clock = settings.clock;
  }

  get isEmpty(): boolean {
    return this.tree.size === 0;
  }

  /** @throws UsageError; ClosedError BROKER_CLOSED */
  subscribe(
    filters: string | readonly string[],
    options: ApplicationHandler | BrokerSubscribeOptions = {},
  ): OwnSubscription {
    const topicFilters = this.checked(filters);
    const terms = readTerms(options);
    if (this.closed) throw new ClosedError("BROKER_CLOSED", "subscribe: the broker is closed");
    const subscription = new OwnSubscription(topicFilters, terms, this);
    const retained = new Set<PublishedMessage>();
    for (const topicFilter of topicFilters) {
      this.tree.add(topicFilter, subscription);
      if (terms.retained) for (const message of this.router.retainedFor(topicFilter)) retained.add(message);
    }
    this.subscriptions.add(subscription);
    subscription.begin([...retained]);
    return subscription;
  }

  /**
   * Passes a message to the subscriptions that match.
   *
   * @param patient whether the publisher can wait for room
   */
  deliver(message: PublishedMessage, patient: boolean): Hearing | Promise<Hearing> {
    if (this.tree.size === 0) return "unheard";
    const matching = new Set<OwnSubscription>();
    this.tree.match(message.topic, (subscription) => matching.add(subscription));
    let hearing: Hearing | Promise<Hearing> = "unheard";
    for (const subscription of matching) hearing = both(hearing, subscription.offer(message, patient));
    return hearing;
  }

  /** Ends all subscriptions. */
  close(): void {
    this.closed = true;
    for (const subscription of this.subscriptions) subscription.end();
    this.subscriptions.clear();
  }

  remove(subscription: OwnSubscription): void {
    if (!this.subscriptions.delete(subscription)) return;
    for (const topicFilter of subscription.topicFilters) this.tree.delete(topicFilter, subscription);
  }

  report(error: unknown): void {
    this.events.emit("error", error);
  }

  dropped({ topic }: PublishedMessage, reason: string): void {
    this.events.emit("dropped", { clientId: undefined, topic, reason });
  }

  private checked(filters: string | readonly string[]): readonly string[] {
    const topicFilters = [...new Set([filters].flat())];
    if (topicFilters.length === 0)
      throw new UsageError("TOPIC_FILTER_INVALID", "subscribe: needs at least one topic filter");
    for (const topicFilter of topicFilters) {
      assertTopicFilter(topicFilter);
      const refuse = (rule: string): UsageError =>
        new UsageError("TOPIC_FILTER_INVALID", `subscribe: topicFilter "${topicFilter}" ${rule}`, { topicFilter });
      if (parseSharedFilter(topicFilter) !== undefined) throw refuse("is shared; only clients share subscriptions");
      if (hasMoreLevels(topicFilter, this.settings.maximumTopicLevels))
        throw refuse(`has more levels than maximumTopicLevels ${this.settings.maximumTopicLevels}`);
    }
    return topicFilters;
  }
}

/** What became of a message that two subscriptions match: refused if one of them refused it. */
function both(one: Hearing | Promise<Hearing>, other: Hearing | Promise<Hearing>): Hearing | Promise<Hearing> {
  if (one instanceof Promise || other instanceof Promise)
    return Promise.all([one, other]).then(([first, second]) => worse(first, second));
  return worse(one, other);
}

function worse(one: Hearing, other: Hearing): Hearing {
  if (one === "unheard") return other;
  return one === "refused" ? one : other;
}
