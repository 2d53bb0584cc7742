/**
 * Which subscriptions have which topic filters, and under which identifiers the server knows them. It therefore tells
 * which subscriptions a copy of a message is for. Knows nothing of connections and deliveries.
 */

import { parseSharedFilter } from "../../topic/topic-filter.js";
import { TopicTree } from "../../topic/topic-tree.js";

/** How many topics' routes are cached. Above it, the cache is cleared. */
const MOST_ROUTES = 1_024;
/** Routes of topics with more characters are not cached. */
const LONGEST_ROUTED = 256;
/** How many identifiers are remembered for a filter: one for each subscription that requested it. */
const MOST_IDENTIFIERS = 16;

/** A subscription, as the registry sees it. */
export interface Subscriber {
  /** The identifier that its SUBSCRIBE carries. */
  readonly identifier: number;
  /** Whether the server sends messages with the RETAIN flag that they were published with. */
  readonly retainAsPublished: boolean;
}

/**
 * One topic filter. The server has one subscription for it, even if several subscriptions of this client requested it
 * [MQTT5-3.8.4-3].
 */
interface Filter<Consumer> {
  readonly consumers: Set<Consumer>;
  /**
   * The identifiers under which it was requested. The first is the one that the server granted last and puts into its
   * copies.
   */
  identifiers: readonly number[];
}

interface Route<Consumer> {
  readonly filters: readonly Filter<Consumer>[];
  /** The consumers of all filters, without duplicates. */
  readonly consumers: readonly Consumer[];
}

export class SubscriptionRegistry<Consumer extends Subscriber> {
  private readonly filters = new Map<string, Filter<Consumer>>();
  private readonly tree = new TopicTree<Filter<Consumer>>();
  /** The cached routes of recent topics, until the tree changes. */
  private readonly routes = new Map<string, Route<Consumer>>();
  /** The last topic and its route. The same topic often repeats, and is then found without a lookup. */
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

  /** Returns the consumers that requested this filter. */
  consumersOf(topicFilter: string): Iterable<Consumer> {
    return this.filters.get(topicFilter)?.consumers ?? [];
  }

  /** Called when the filter is requested under this identifier. Copies may carry it before the server has answered. */
  asked(topicFilter: string, identifier: number): void {
    const filter = this.filters.get(topicFilter);
    if (filter === undefined || filter.identifiers.includes(identifier)) return;
    const [current, ...earlier] = [...filter.identifiers, identifier];
    filter.identifiers = [current as number, ...earlier.slice(1 - MOST_IDENTIFIERS)];
  }

  /** Called when the server has granted the filter under this identifier, which replaces the earlier one. */
  granted(topicFilter: string, identifier: number): void {
    const filter = this.filters.get(topicFilter);
    if (filter !== undefined)
      filter.identifiers = [identifier, ...filter.identifiers.filter((each) => each !== identifier)];
  }

  /**
   * Returns the consumers whose filter matches the topic. If the server names the subscriptions of this copy, returns
   * only the consumers of their filters: the server may send separate copies for other subscriptions [MQTT5-3.3.4-3]. A
   * queued copy may carry an identifier that was replaced meanwhile. An identifier of an earlier process is unknown;
   * the copy is then for all.
   *
   * @param retain whether the server sends a retained message because of a new subscription [MQTT5-3.3.1-12]. The
   * message is then only for the consumers that subscribed, and not for others with the same filter
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

/** Returns the filter that topics are matched against. */
function matched(topicFilter: string): string {
  return parseSharedFilter(topicFilter)?.topicFilter ?? topicFilter;
}
