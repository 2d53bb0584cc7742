/**
 * Delivers each published message to the subscribers of its topic, keeps retained messages, and knows all
 * subscriptions. Knows nothing of connections.
 */

import { type Clock, ProtocolError, type QoS } from "@aiko/mqtt";
import {
  type ProtocolVersion,
  type PublishPacket,
  ReasonCode,
  type SubscribePacket,
  type SubscriptionRequest,
  type UnsubscribePacket,
} from "@aiko/mqtt/codec";
import { type EventEmitter, PublishCopies } from "@aiko/mqtt/session";
import { parseSharedFilter } from "@aiko/mqtt/topic";
import type { BrokerEvents } from "../broker-events.js";
import type { KnownClient } from "../clients/known-client.js";
import { SUBACK_FAILURE } from "../connecting/return-codes.js";
import type { Workload } from "../connecting/workload.js";
import type { HookRefusal } from "../hooks/broker-hooks.js";
import { isThenable, nonsense } from "../hooks/hook-answers.js";
import type { BrokerSettings } from "../options/broker-options.js";
import type { BrokerJournal } from "../persistence/broker-journal.js";
import type { LoadedRetained } from "../persistence/loaded-state.js";
import type { Traffic } from "../traffic.js";
import { type MemoryBudget, subscriptionSize } from "./memory-budget.js";
import { type FilterRefusal, filterRefusal } from "./permitted-subscriptions.js";
import { type PublishedMessage, type Publisher, publishedMessage, type SharedMessage } from "./published-message.js";
import { RetainedMessages } from "./retained-messages.js";
import { RetainedReplays } from "./retained-replay.js";
import { type ClientSubscription, SubscriptionTable, soleRecipient } from "./subscription-table.js";

export class Router {
  private readonly clock: Clock;
  private readonly subscriptions: SubscriptionTable<KnownClient>;
  private readonly retained: RetainedMessages;
  private readonly replays: RetainedReplays;
  private readonly copies = new PublishCopies();

  constructor(
    private readonly settings: BrokerSettings,
    private readonly events: EventEmitter<BrokerEvents>,
    private readonly budget: MemoryBudget,
    private readonly workload: Workload,
    private readonly traffic: Traffic,
    journal?: BrokerJournal,
  ) {
    this.clock = settings.clock;
    this.subscriptions = new SubscriptionTable(settings.authorizeDeliver !== undefined);
    this.retained = new RetainedMessages(this.clock, settings.retained, settings.maximumShare, budget, journal);
    this.replays = new RetainedReplays(this.clock, this.retained);
  }

  /** Subscriptions of all clients. */
  get subscriptionCount(): number {
    return this.subscriptions.size;
  }

  get retainedCount(): number {
    return this.retained.size;
  }

  /** Cancels the timers. */
  close(): void {
    this.retained.close();
  }

  /**
   * Writes a client's QoS 0 message to the connections of its subscribers without an object for it or for a recipient.
   * Returns false, and does nothing, if the message is not as simple as that: call `publish` then.
   */
  forward(packet: PublishPacket, publisher: Publisher): boolean {
    if (packet.qos > 0 || packet.retain || packet.properties?.messageExpiryInterval !== undefined) return false;
    if (!this.isDirect(packet.topic)) return false;
    const subscriptions = this.subscriptions.direct(packet.topic);
    if (subscriptions === undefined) return false;
    this.workload.add(subscriptions.length);
    const copies = subscriptions.length > 1 ? this.copies : undefined;
    copies?.begin(packet);
    let message: PublishedMessage | undefined; // for clients whose messages have to wait
    const replaying = !this.replays.isIdle;
    for (const subscription of subscriptions) {
      const { client, noLocal, subscriptionIdentifier } = subscription;
      if (!client.isOnline || (noLocal && client.clientId === publisher.clientId)) continue;
      if (replaying) {
        message ??= publishedMessage(packet, publisher, this.clock.now());
        this.replays.precede(client, message, this.clock.now());
      }
      const isSimple = subscriptionIdentifier === undefined && client.gate?.isBusy !== true;
      if (isSimple && client.session.forward(packet, copies)) {
        this.traffic.delivered(packet.payload);
        continue;
      }
      const now = this.clock.now();
      message ??= publishedMessage(packet, publisher, now);
      client.deliver(message, soleRecipient(subscription, message), now);
    }
    copies?.end();
    return true;
  }

  /**
   * Publishes a message of a client, or of the broker itself. Returns the reason code for its acknowledgement.
   *
   * @param isTold whether the publisher learns the reason code. If not, a message that cannot be retained is delivered
   * nevertheless
   */
  publish(message: PublishedMessage, isTold = false): number {
    const now = this.clock.now();
    if (message.retain && !this.retain(message, now) && isTold) return ReasonCode.QUOTA_EXCEEDED;
    const direct = this.isDirect(message.topic) ? this.subscriptions.direct(message.topic) : undefined;
    if (direct !== undefined) return this.publishTo(direct, message, isTold, now);
    const recipients = this.subscriptions.recipients(message);
    this.workload.add(this.subscriptions.visited + DELIVERY * recipients.size);
    const replaying = !this.replays.isIdle;
    let delivered = 0;
    for (const [client, recipient] of recipients) {
      if (replaying) this.replays.precede(client, message, now);
      if (client.deliver(message, recipient, now)) delivered++;
    }
    return outcome(message, recipients.size, delivered, isTold);
  }

  private publishTo(
    subscriptions: readonly ClientSubscription<KnownClient>[],
    message: PublishedMessage,
    isTold: boolean,
    now: number,
  ): number {
    this.workload.add(DELIVERY * subscriptions.length);
    const replaying = !this.replays.isIdle;
    let count = 0;
    let delivered = 0;
    for (const subscription of subscriptions) {
      const { client, noLocal } = subscription;
      if (noLocal && client.clientId === message.publisher) continue;
      count++;
      if (replaying) this.replays.precede(client, message, now);
      if (client.deliver(message, soleRecipient(subscription, message), now)) delivered++;
    }
    return outcome(message, count, delivered, isTold);
  }

  /**
   * Passes a message that a member's session left unfinished to another member of the group, if there is one [MQTT5
   * 4.8.2].
   *
   * @param tried members that must not receive it
   */
  transfer({ message, sharedFilters }: SharedMessage, tried?: ReadonlySet<KnownClient>): void {
    const now = this.clock.now();
    if (message.expiresAt <= now) return;
    const recipients = this.subscriptions.members(sharedFilters, message, tried);
    for (const [client, recipient] of recipients) client.deliver(message, recipient, now);
  }

  /** The retained messages that match, including expired ones. */
  *retainedFor(topicFilter: string): Iterable<PublishedMessage> {
    for (const { message } of this.retained.find(topicFilter)) yield message;
  }

  /**
   * Handles a SUBSCRIBE.
   *
   * @param refusals the application's refusals, by the index of the topic filter
   */
  subscribe(client: KnownClient, packet: SubscribePacket, refusals?: readonly (HookRefusal | undefined)[]): void {
    if (client.hasEnded) return; // a hook has ended its session
    const { packetIdentifier, subscriptions, properties } = packet;
    // A refusal would be final for most clients, although the store may have room soon. So the client tries again.
    if (client.journal?.isFailing && subscriptions.some(({ topicFilter }) => !client.topicFilters.has(topicFilter))) {
      client.end(ReasonCode.QUOTA_EXCEEDED, "the store cannot be written");
      return;
    }
    const { subscriptionIdentifier } = properties ?? {};
    const { clientId } = client;
    /** By topic filter: if a filter occurs several times, the last one counts. */
    const granted = new Map<string, { readonly request: SubscriptionRequest; readonly fresh: boolean }>();
    let reasonString: string | undefined;
    const subscribed: BrokerEvents["subscribed"][] = [];
    const reasonCodes = subscriptions.map((request, i) => {
      const { topicFilter, noLocal = false, retainAsPublished = false } = request;
      const qos = Math.min(request.qos, this.settings.maximumQoS) as QoS;
      const refusal = this.filterRefusal(client, topicFilter);
      if (refusal !== undefined) {
        reasonString ??= refusal.reason;
        return denied(client.version, refusal.reasonCode, topicFilter);
      }
      const refused = refusals?.[i];
      if (refused !== undefined) {
        reasonString ??= refused.reason;
        return client.version === 3 ? qos : denied(client.version, refused.reasonCode, topicFilter);
      }
      subscribed.push({ clientId, topicFilter, qos });
      const subscription = { client, topicFilter, qos, noLocal, retainAsPublished, subscriptionIdentifier };
      client.subscribed(subscription);
      const fresh = this.add(subscription);
      granted.set(topicFilter, {
        request: { ...request, qos },
        fresh: fresh || granted.get(topicFilter)?.fresh === true,
      });
      return qos;
    });
    for (const event of subscribed) this.events.emit("subscribed", event);
    if (client.hasEnded) return; // a listener has ended its session
    const answer = reasonString === undefined ? undefined : { reasonString };
    client.session.write({ type: "suback", packetIdentifier, reasonCodes, properties: answer });
    for (const { request, fresh } of granted.values()) {
      const { topicFilter, qos, retainHandling = 0 } = request;
      if (retainHandling === 2 || (retainHandling === 1 && !fresh)) continue;
      // [MQTT5-4.8.2]: shared subscriptions get none
      if (parseSharedFilter(topicFilter) === undefined)
        this.replays.start(client, { topicFilter, qos, subscriptionIdentifier });
    }
  }

  unsubscribe(client: KnownClient, packet: UnsubscribePacket): void {
    const { packetIdentifier, topicFilters } = packet;
    const { clientId } = client;
    const reasonCodes = topicFilters.map((topicFilter) => {
      client.unsubscribed(topicFilter);
      this.replays.stop(client, topicFilter);
      if (!this.subscriptions.delete(client, topicFilter)) return ReasonCode.NO_SUBSCRIPTION_EXISTED;
      this.budget.take(-subscriptionSize(topicFilter));
      this.events.emit("unsubscribed", { clientId, topicFilter });
      return ReasonCode.SUCCESS;
    });
    client.session.write({ type: "unsuback", packetIdentifier, reasonCodes });
  }

  /** Adds a subscription of an earlier process. It brings no retained messages. */
  restore(client: KnownClient, subscription: Omit<ClientSubscription<KnownClient>, "client">): void {
    const { topicFilter, qos, noLocal, retainAsPublished, subscriptionIdentifier } = subscription;
    client.restored(topicFilter);
    this.add({ client, topicFilter, qos, noLocal, retainAsPublished, subscriptionIdentifier });
  }

  /** Removes a subscription that could not be stored. SUBACK was not sent. */
  undo(client: KnownClient, topicFilter: string): void {
    client.unsubscribed(topicFilter);
    this.replays.stop(client, topicFilter);
    if (this.subscriptions.delete(client, topicFilter)) this.budget.take(-subscriptionSize(topicFilter));
  }

  /** Retains the messages of an earlier process. */
  restoreRetained(retained: readonly LoadedRetained[]): void {
    this.retained.restore(retained, this.clock.now());
  }

  /** Returns true if the client had no such subscription. */
  private add(subscription: ClientSubscription<KnownClient>): boolean {
    const fresh = this.subscriptions.add(subscription);
    if (fresh) this.budget.take(subscriptionSize(subscription.topicFilter));
    return fresh;
  }

  /** Whether messages of this topic go straight to their subscribers: no hook restricts them. */
  private isDirect(topic: string): boolean {
    const { authorizeDeliver, deliversToAll } = this.settings;
    if (authorizeDeliver === undefined) return true;
    if (deliversToAll === undefined) return false;
    const report = (error: unknown) => this.events.emit("error", error);
    try {
      const answer: unknown = deliversToAll(topic);
      if (typeof answer === "boolean") return answer;
      if (isThenable(answer)) answer.then(undefined, report);
      report(nonsense("deliversToAll", answer, "true or false"));
    } catch (error) {
      report(error);
    }
    return false;
  }

  /** Removes all subscriptions of a client whose session has ended. */
  forget(client: KnownClient): void {
    for (const topicFilter of client.topicFilters) {
      client.unsubscribed(topicFilter);
      if (this.subscriptions.delete(client, topicFilter)) this.budget.take(-subscriptionSize(topicFilter));
    }
    this.replays.stopAll(client);
  }

  /** Returns false if there is no room for the message. */
  private retain(message: PublishedMessage, now: number): boolean {
    const reason = this.retained.refusal(message, now);
    if (reason === undefined) this.retained.keep(message, now);
    else this.events.emit("notRetained", { clientId: message.publisher, topic: message.topic, reason });
    return reason === undefined;
  }

  private hasMostGroups(client: KnownClient, topicFilter: string): boolean {
    const shared = parseSharedFilter(topicFilter);
    return shared !== undefined && this.subscriptions.groupsOf(client, shared.topicFilter) >= MOST_GROUPS;
  }

  private filterRefusal(client: KnownClient, topicFilter: string): FilterRefusal | undefined {
    const { maximumSubscriptions, maximumMemory } = this.settings;
    const { topicFilters } = client;
    const refusal = filterRefusal(topicFilter, this.settings);
    if (refusal !== undefined || topicFilters.has(topicFilter)) return refusal;
    let reason: string;
    if (topicFilters.size >= maximumSubscriptions)
      reason = `the client has ${maximumSubscriptions} subscriptions, the most that are allowed`;
    else if (this.hasMostGroups(client, topicFilter))
      reason = `the client is in ${MOST_GROUPS} groups with this topic filter, the most that are allowed`;
    else if (this.budget.isFull) reason = `the limit maximumMemory ${maximumMemory} is reached`;
    else return undefined;
    return { reasonCode: ReasonCode.QUOTA_EXCEEDED, reason };
  }
}

/**
 * The most groups with the same topic filter that a client may be a member of. Each of them is a step for every message,
 * but the client receives the message once.
 */
const MOST_GROUPS = 16;

/** The units of work for each recipient, if the broker may have to keep the message for it. */
const DELIVERY = 4;

/** @param isTold whether the publisher learns that nobody received the message */
function outcome({ retain }: PublishedMessage, recipients: number, delivered: number, isTold: boolean): number {
  if (recipients === 0) return ReasonCode.NO_MATCHING_SUBSCRIBERS;
  return isTold && delivered === 0 && !retain ? ReasonCode.QUOTA_EXCEEDED : ReasonCode.SUCCESS;
}

/** Returns the code in SUBACK for a filter that is not granted; MQTT 3.1 has none. */
function denied(version: ProtocolVersion, reasonCode: number, topicFilter: string): number {
  if (version === 3) {
    throw new ProtocolError(
      "PROTOCOL_ERROR",
      reasonCode,
      `subscribe: topic filter of ${topicFilter.length} characters denied`,
    );
  }
  return version === 5 ? reasonCode : SUBACK_FAILURE;
}
