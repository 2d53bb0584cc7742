/**
 * Who has which topic filters, and under which subscription identifiers the server has them: so whom a copy of a message is for. Knows
 * nothing of connections and deliveries.
 */

import { parseSharedFilter } from "../../topic/topic-filter.js";
import { TopicTree } from "../../topic/topic-tree.js";

/** Topics whose routes are kept; when there are more, all are found anew. */
const MOST_ROUTES = 1_024;
/** Characters of a topic, beyond which its route is not kept. */
const LONGEST_ROUTED = 256;
/** Identifiers that are remembered for a filter: one for each time that another subscription asked for it too. */
const MOST_IDENTIFIERS = 16;

/** Who asks for messages. */
export interface Subscriber {
  /** Under which it asks the server for them. */
  readonly identifier: number;
  /** Whether it has the server send messages with the RETAIN flag that they were published with. */
  readonly retainAsPublished: boolean;
}

/** One topic filter. The server has one subscription for it, however many here have asked for it [MQTT5-3.8.4-3]. */
interface Filter<Consumer> {
  readonly consumers: Set<Consumer>;
  /** The identifiers under which it was asked for: first the one that the server granted last, which its copies carry now. */
  identifiers: readonly number[];
}

interface Route<Consumer> {
  readonly filters: readonly Filter<Consumer>[];
  /** Those of all filters, each once. */
  readonly consumers: readonly Consumer[];
}

export class SubscriptionRegistry<Consumer extends Subscriber> {
  private readonly filters = new Map<string, Filter<Consumer>>();
  private readonly tree = new TopicTree<Filter<Consumer>>();
  /** What the tree said of topics that came lately, until it changes. */
  private readonly routes = new Map<string, Route<Consumer>>();
  /** The topic that came last and its route: often the same again, and found without a look at the table. */
  private lastTopic: string | undefined;
  private lastRoute: Route<Consumer> = { filters: [], consumers: [] };

  add(topicFilter: string, consumer: Consumer): void {
    let filter = this.filters.get(topicFilter);
    if (filter === undefined) {
      filter = { consumers: new Set(), identifiers: [] };
      this.filters.set(topicFilter, filter);
      this.tree.add(matched(topicFilter), filter);
    }
    filter.consumers.add(consumer);
    this.forgetRoutes();
  }

  delete(topicFilter: string, consumer: Consumer): void {
    const filter = this.filters.get(topicFilter);
    if (filter === undefined) return;
    filter.consumers.delete(consumer);
    if (filter.consumers.size === 0) {
      this.filters.delete(topicFilter);
      this.tree.delete(matched(topicFilter), filter);
    }
    this.forgetRoutes();
  }

  /** Those that have asked for this filter. */
  consumersOf(topicFilter: string): Iterable<Consumer> {
    return this.filters.get(topicFilter)?.consumers ?? [];
  }

  /** The filter is asked for under this identifier. Copies may carry it before the server has answered. */
  asked(topicFilter: string, identifier: number): void {
    const filter = this.filters.get(topicFilter);
    if (filter === undefined || filter.identifiers.includes(identifier)) return;
    const [current, ...earlier] = [...filter.identifiers, identifier];
    filter.identifiers = [current as number, ...earlier.slice(1 - MOST_IDENTIFIERS)];
  }

  /** The server has granted the filter under this identifier, which replaces the one it had. */
  granted(topicFilter: string, identifier: number): void {
    const filter = this.filters.get(topicFilter);
    if (filter !== undefined)
      filter.identifiers = [identifier, ...filter.identifiers.filter((each) => each !== identifier)];
  }

  /**
   * Those whose filter matches the topic. Where the server says which subscriptions it sends this copy for, only the consumers of their
   * filters: it may send another copy for another [MQTT5-3.3.4-3]. A copy that waited in the server may carry an identifier that was
   * replaced meanwhile; one of an earlier process is for all.
   *
   * @param retain whether the server had kept the message, and sends it because somebody has just subscribed [MQTT5-3.3.1-12]: then it is
   * for them alone, and not for others with the same filter
   */
  recipients(topicName: string, identifiers: readonly number[] | undefined, retain: boolean): readonly Consumer[] {
    const route = topicName === this.lastTopic ? this.lastRoute : this.routeOf(topicName);
    if (identifiers === undefined || route.consumers.length < 2) return route.consumers;
    if (retain) {
      const askers = route.consumers.filter(({ identifier }) => identifiers.includes(identifier));
      if (askers.length > 0 && !askers.some(({ retainAsPublished }) => retainAsPublished)) return askers;
    }
    const current = route.filters.filter((filter) => identifiers.includes(filter.identifiers[0] ?? 0));
    if (current.length > 0) return consumersOf(current);
    const known = route.filters.filter((filter) => filter.identifiers.some((each) => identifiers.includes(each)));
    return known.length > 0 ? consumersOf(known) : route.consumers;
  }

  private routeOf(topicName: string): Route<Consumer> {
    this.lastRoute = this.routes.get(topicName) ?? this.findRoute(topicName);
    this.lastTopic = topicName;
    return this.lastRoute;
  }

  private findRoute(topicName: string): Route<Consumer> {
    const filters: Filter<Consumer>[] = [];
    this.tree.match(topicName, (filter) => filters.push(filter));
    const route = { filters, consumers: consumersOf(filters) };
    if (this.routes.size >= MOST_ROUTES) this.routes.clear();
    if (topicName.length <= LONGEST_ROUTED) this.routes.set(topicName, route);
    return route;
  }

  private forgetRoutes(): void {
    this.routes.clear();
    this.lastTopic = undefined;
  }
}

function consumersOf<Consumer>(filters: readonly Filter<Consumer>[]): readonly Consumer[] {
  return [...new Set(filters.flatMap(({ consumers }) => [...consumers]))];
}

/** The filter that message topics are matched against. */
function matched(topicFilter: string): string {
  return parseSharedFilter(topicFilter)?.topicFilter ?? topicFilter;
}
