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
import type { BrokerSettings } from "../options/broker-options.js";
import { type PublishedMessage, publishedMessage, type SharedMessage } from "./published-message.js";
import { RetainedMessages } from "./retained-messages.js";
import { type ClientSubscription, SubscriptionTable, soleRecipient } from "./subscription-table.js";
import { hasMoreLevels } from "./topic-levels.js";

export class Router {
  private readonly clock: Clock;
  private readonly subscriptions = new SubscriptionTable<KnownClient>();
  private readonly retained: RetainedMessages;
  private readonly copies = new PublishCopies();

  constructor(
    private readonly settings: BrokerSettings,
    private readonly events: EventEmitter<BrokerEvents>,
  ) {
    this.clock = settings.clock;
    this.retained = new RetainedMessages(this.clock, settings.retained);
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
  forward(packet: PublishPacket, publisher: string): boolean {
    if (packet.qos > 0 || packet.retain || packet.properties?.messageExpiryInterval !== undefined) return false;
    const subscriptions = this.subscriptions.direct(packet.topic);
    if (subscriptions === undefined) return false;
    const copies = subscriptions.length > 1 ? this.copies : undefined;
    copies?.begin(packet);
    let message: PublishedMessage | undefined; // for clients whose messages have to wait
    for (const subscription of subscriptions) {
      const { client, noLocal, subscriptionIdentifier } = subscription;
      if (!client.isOnline || (noLocal && client.clientId === publisher)) continue;
      if (subscriptionIdentifier === undefined && client.session.forward(packet, copies)) continue;
      const now = this.clock.now();
      message ??= publishedMessage(packet, publisher, now);
      client.deliver(message, soleRecipient(subscription, message), now);
    }
    copies?.end();
    return true;
  }

  /** Publishes a message of a client, or of the broker itself. Returns the reason code for its acknowledgement. */
  publish(message: PublishedMessage): number {
    const now = this.clock.now();
    if (message.retain && !this.retained.keep(message, now)) {
      this.events.emit("notRetained", { clientId: message.publisher, topic: message.topic });
    }
    const direct = this.subscriptions.direct(message.topic);
    if (direct !== undefined) return this.publishTo(direct, message, now);
    const recipients = this.subscriptions.recipients(message);
    for (const [client, recipient] of recipients) client.deliver(message, recipient, now);
    return recipients.size === 0 ? ReasonCode.NO_MATCHING_SUBSCRIBERS : ReasonCode.SUCCESS;
  }

  private publishTo(
    subscriptions: readonly ClientSubscription<KnownClient>[],
    message: PublishedMessage,
    now: number,
  ): number {
    let count = 0;
    for (const subscription of subscriptions) {
      const { client, noLocal } = subscription;
      if (noLocal && client.clientId === message.publisher) continue;
      count++;
      client.deliver(message, soleRecipient(subscription, message), now);
    }
    return count === 0 ? ReasonCode.NO_MATCHING_SUBSCRIBERS : ReasonCode.SUCCESS;
  }

  /**
   * Passes a message that a member's session left unfinished to another member of the group, if there is one [MQTT5
   * 4.8.2].
   */
  transfer({ message, sharedFilters }: SharedMessage): void {
    const now = this.clock.now();
    if (message.expiresAt <= now) return;
    const recipients = this.subscriptions.members(sharedFilters, message);
    for (const [client, recipient] of recipients) client.deliver(message, recipient, now);
  }

  subscribe(client: KnownClient, packet: SubscribePacket): void {
    const { packetIdentifier, subscriptions, properties } = packet;
    const { subscriptionIdentifier } = properties ?? {};
    const { clientId } = client;
    /** By topic filter: if a filter occurs several times, the last one counts. */
    const granted = new Map<string, { readonly request: SubscriptionRequest; readonly fresh: boolean }>();
    const reasonCodes = subscriptions.map((request) => {
      const { topicFilter, qos, noLocal = false, retainAsPublished = false } = request;
      const refusal = this.filterRefusal(client, topicFilter);
      if (refusal !== undefined) return denied(client.version, refusal, topicFilter);
      client.topicFilters.add(topicFilter);
      this.events.emit("subscribed", { clientId, topicFilter, qos });
      const subscription = { client, topicFilter, qos, noLocal, retainAsPublished, subscriptionIdentifier };
      const fresh = this.subscriptions.add(subscription);
      granted.set(topicFilter, { request, fresh: fresh || granted.get(topicFilter)?.fresh === true });
      return qos;
    });
    client.session.write({ type: "suback", packetIdentifier, reasonCodes });
    for (const { request, fresh } of granted.values()) {
      const { topicFilter, qos, retainHandling = 0 } = request;
      if (retainHandling === 2 || (retainHandling === 1 && !fresh)) continue;
      if (!this.deliverRetained(client, topicFilter, qos, subscriptionIdentifier)) break;
    }
  }

  unsubscribe(client: KnownClient, packet: UnsubscribePacket): void {
    const { packetIdentifier, topicFilters } = packet;
    const { clientId } = client;
    const reasonCodes = topicFilters.map((topicFilter) => {
      client.topicFilters.delete(topicFilter);
      if (!this.subscriptions.delete(client, topicFilter)) return ReasonCode.NO_SUBSCRIPTION_EXISTED;
      this.events.emit("unsubscribed", { clientId, topicFilter });
      return ReasonCode.SUCCESS;
    });
    client.session.write({ type: "unsuback", packetIdentifier, reasonCodes });
  }

  /** Removes all subscriptions of a client whose session has ended. */
  forget(client: KnownClient): void {
    for (const topicFilter of client.topicFilters) this.subscriptions.delete(client, topicFilter);
    client.topicFilters.clear();
  }

  private filterRefusal(client: KnownClient, topicFilter: string): number | undefined {
    const { maximumTopicLevels, maximumSubscriptions } = this.settings;
    const matched = parseSharedFilter(topicFilter)?.topicFilter ?? topicFilter;
    if (hasMoreLevels(matched, maximumTopicLevels)) return ReasonCode.TOPIC_FILTER_INVALID;
    const { topicFilters } = client;
    return topicFilters.size < maximumSubscriptions || topicFilters.has(topicFilter)
      ? undefined
      : ReasonCode.QUOTA_EXCEEDED;
  }

  /** Returns false if the client's queue is full: the remaining messages would be dropped, too. */
  private deliverRetained(client: KnownClient, topicFilter: string, qos: QoS, identifier: number | undefined): boolean {
    if (parseSharedFilter(topicFilter) !== undefined) return true; // [MQTT5-4.8.2]: shared subscriptions get none
    const now = this.clock.now();
    const subscriptionIdentifiers = identifier === undefined ? [] : [identifier];
    let room = true;
    this.retained.match(topicFilter, now, (message) => {
      const granted = Math.min(qos, message.qos) as QoS;
      const recipient = { qos: granted, retain: true, subscriptionIdentifiers, sharedFilters: undefined };
      room = client.deliver(message, recipient, now);
      return room;
    });
    return room;
  }
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
