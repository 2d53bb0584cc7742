/** The subscriptions of all clients: finds each client that receives a published message, and how it receives it. */

import type { QoS } from "@aiko/mqtt";
import { parseSharedFilter, TopicTree } from "@aiko/mqtt/topic";
import type { PublishedMessage } from "./published-message.js";
import { RouteCache } from "./route-cache.js";

/** One client's subscription to one topic filter. `Client` is any type that represents a client. */
export interface ClientSubscription<Client> {
  readonly client: Client;
  readonly topicFilter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly subscriptionIdentifier: number | undefined;
}

/** The members of a shared subscription, which receive its messages in turn [MQTT5-4.8.2]. */
interface Group<Client> {
  readonly members: ClientSubscription<Client>[];
  turn: number;
}

/** A value in the tree, at a topic filter. */
type Target<Client> = ClientSubscription<Client> | Group<Client>;

/** How a client receives a message that several of its subscriptions may match: once, at their highest QoS. */
export interface Recipient {
  readonly qos: QoS;
  readonly retain: boolean;
  readonly subscriptionIdentifiers: readonly number[];
  /**
   * The matching shared subscriptions at QoS 1 or 2. If the client's session ends first, they deliver an unfinished
   * message to another member.
   */
  readonly sharedFilters: readonly string[] | undefined;
}

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };
type GrowingRecipient = Mutable<Omit<Recipient, "subscriptionIdentifiers" | "sharedFilters">> & {
  readonly subscriptionIdentifiers: number[];
  sharedFilters: string[] | undefined;
};

/** What the table must know of a client. */
export interface Subscriber {
  readonly clientId: string;
  readonly isOnline: boolean;
}

export class SubscriptionTable<Client extends Subscriber> {
  private readonly tree = new TopicTree<Target<Client>>();
  /** By the filter as the members subscribed to it: with `$share` and the group's name. */
  private readonly groups = new Map<string, Group<Client>>();
  /** How many groups with each topic filter a client is a member of. */
  private readonly memberships = new Map<Client, Map<string, number>>();
  private readonly singles = new Map<Client, Map<string, ClientSubscription<Client>>>();
  private readonly routes = new RouteCache<ClientSubscription<Client>>();
  /** How many subscriptions and groups the last call of `recipients` combined. */
  visited = 0;

  /**
   * @param reselects whether another member may be chosen for a message of any QoS: recipients then have
   * `sharedFilters` at QoS 0, too
   */
  constructor(private readonly reselects = false) {}

  get size(): number {
    return this.tree.size;
  }

  /** Returns the number of shared subscriptions of a client that have this topic filter behind the group's name. */
  groupsOf(client: Client, matched: string): number {
    return this.memberships.get(client)?.get(matched) ?? 0;
  }

  /**
   * Adds a subscription; replaces the client's subscription to the same filter [MQTT-3.8.4-3]. Returns true if there
   * was none.
   */
  add(subscription: ClientSubscription<Client>): boolean {
    this.routes.clear();
    const shared = parseSharedFilter(subscription.topicFilter);
    if (shared !== undefined) return this.join(subscription, shared.topicFilter);
    const { client, topicFilter } = subscription;
    let own = this.singles.get(client);
    if (own === undefined) {
      own = new Map();
      this.singles.set(client, own);
    }
    const former = own.get(topicFilter);
    if (former !== undefined) this.tree.delete(topicFilter, former);
    own.set(topicFilter, subscription);
    this.tree.add(topicFilter, subscription);
    return former === undefined;
  }

  /** Removes a subscription. Returns false if the client had none. */
  delete(client: Client, topicFilter: string): boolean {
    this.routes.clear();
    const shared = parseSharedFilter(topicFilter);
    if (shared !== undefined) return this.leave(client, topicFilter, shared.topicFilter);
    const own = this.singles.get(client);
    const subscription = own?.get(topicFilter);
    if (own === undefined || subscription === undefined) return false;
    own.delete(topicFilter);
    if (own.size === 0) this.singles.delete(client);
    this.tree.delete(topicFilter, subscription);
    return true;
  }

  /**
   * Returns the subscriptions that match a topic, if none is shared and each client has only one of them. Otherwise
   * returns undefined: `recipients` combines them for each message.
   */
  direct(topic: string): readonly ClientSubscription<Client>[] | undefined {
    const route = this.routes.get(topic) ?? this.routeOf(topic);
    return route === COMBINED ? undefined : route;
  }

  /** Returns all clients that receive the message. */
  recipients(message: PublishedMessage): Map<Client, Recipient> {
    const recipients = new Map<Client, GrowingRecipient>();
    this.visited = 0;
    this.tree.match(message.topic, (target) => {
      this.visited++;
      if ("members" in target)
        this.includeMember(recipients, nextMember(target) as ClientSubscription<Client>, message);
      else include(recipients, target, message);
    });
    return recipients;
  }

  /**
   * Returns the next member of each of these shared subscriptions. A subscription without members is skipped.
   *
   * @param tried members that must not be chosen
   */
  members(
    sharedFilters: readonly string[],
    message: PublishedMessage,
    tried?: ReadonlySet<Client>,
  ): Map<Client, Recipient> {
    const recipients = new Map<Client, GrowingRecipient>();
    for (const filter of sharedFilters) {
      const group = this.groups.get(filter);
      const member = group && nextMember(group, tried);
      if (member !== undefined) this.includeMember(recipients, member, message);
    }
    return recipients;
  }

  private includeMember(
    recipients: Map<Client, GrowingRecipient>,
    member: ClientSubscription<Client>,
    message: PublishedMessage,
  ): void {
    const recipient = include(recipients, member, message);
    if (recipient === undefined || (!this.reselects && Math.min(message.qos, member.qos) === 0)) return;
    recipient.sharedFilters ??= [];
    recipient.sharedFilters.push(member.topicFilter);
  }

  private routeOf(topic: string): readonly ClientSubscription<Client>[] {
    const route: ClientSubscription<Client>[] = [];
    const clients = new Set<Client>();
    let shared = false;
    this.tree.match(topic, (target) => {
      if ("members" in target) {
        shared = true;
      } else {
        route.push(target);
        clients.add(target.client);
      }
    });
    const result = shared || clients.size < route.length ? COMBINED : route;
    this.routes.add(topic, result);
    return result;
  }

  private join(subscription: ClientSubscription<Client>, matched: string): boolean {
    const { client, topicFilter } = subscription;
    let group = this.groups.get(topicFilter);
    if (group === undefined) {
      group = { members: [], turn: 0 };
      this.groups.set(topicFilter, group);
      this.tree.add(matched, group);
    }
    const { members } = group;
    const at = members.findIndex((member) => member.client === client);
    if (at >= 0) {
      members[at] = subscription;
      return false;
    }
    members.push(subscription);
    this.countGroup(client, matched, 1);
    return true;
  }

  private countGroup(client: Client, matched: string, change: 1 | -1): void {
    const groups = this.memberships.get(client) ?? new Map<string, number>();
    const count = (groups.get(matched) ?? 0) + change;
    if (count > 0) groups.set(matched, count);
    else groups.delete(matched);
    if (groups.size > 0) this.memberships.set(client, groups);
    else this.memberships.delete(client);
  }

  private leave(client: Client, topicFilter: string, matched: string): boolean {
    const group = this.groups.get(topicFilter);
    const at = group?.members.findIndex((member) => member.client === client) ?? -1;
    if (group === undefined || at < 0) return false;
    group.members.splice(at, 1);
    this.countGroup(client, matched, -1);
    if (group.members.length === 0) {
      this.groups.delete(topicFilter);
      this.tree.delete(matched, group);
    }
    return true;
  }
}

/** The route of a topic whose subscriptions have to be combined for each message. */
const COMBINED: readonly never[] = [];

/** Returns how a client receives a message that only this subscription of it matches. */
export function soleRecipient<Client>(subscription: ClientSubscription<Client>, message: PublishedMessage): Recipient {
  const { qos, retainAsPublished, subscriptionIdentifier } = subscription;
  return {
    qos: Math.min(message.qos, qos) as QoS,
    retain: retainAsPublished && message.retain,
    subscriptionIdentifiers: subscriptionIdentifier === undefined ? [] : [subscriptionIdentifier],
    sharedFilters: undefined,
  };
}

/**
 * Adds one subscription to what its client receives. Returns that; undefined if the client must not receive the
 * message.
 */
function include<Client extends Subscriber>(
  recipients: Map<Client, GrowingRecipient>,
  subscription: ClientSubscription<Client>,
  message: PublishedMessage,
): GrowingRecipient | undefined {
  const { client, noLocal, retainAsPublished, subscriptionIdentifier } = subscription;
  if (noLocal && client.clientId === message.publisher) return undefined;
  let recipient = recipients.get(client);
  if (recipient === undefined) {
    recipient = { qos: 0, retain: false, subscriptionIdentifiers: [], sharedFilters: undefined };
    recipients.set(client, recipient);
  }
  recipient.qos = Math.max(recipient.qos, Math.min(message.qos, subscription.qos)) as QoS;
  recipient.retain ||= retainAsPublished && message.retain;
  if (subscriptionIdentifier !== undefined) recipient.subscriptionIdentifiers.push(subscriptionIdentifier);
  return recipient;
}

/**
 * Returns the members in turn. Members without a connection are skipped, unless all are without one. A group is never
 * empty.
 *
 * @param tried members that are skipped, too; undefined is returned if there is no other
 */
function nextMember<Client extends Subscriber>(
  group: Group<Client>,
  tried?: ReadonlySet<Client>,
): ClientSubscription<Client> | undefined {
  const { members } = group;
  let offline: ClientSubscription<Client> | undefined;
  for (let seen = 0; seen < members.length; seen++) {
    const member = members[group.turn++ % members.length] as ClientSubscription<Client>;
    if (tried?.has(member.client)) continue;
    if (member.client.isOnline) return member;
    offline ??= member;
  }
  group.turn++;
  return offline;
}
