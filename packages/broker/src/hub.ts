/**
 * The core of the broker: accepts clients, keeps their sessions, and delivers each published message to the subscribers
 * of its topic. Knows nothing of sockets.
 */

import { type Clock, ProtocolError, platform, type QoS } from "@aiko/mqtt";
import {
  type ConnectPacket,
  describeReasonCode,
  type ProtocolVersion,
  type PublishPacket,
  ReasonCode,
  type SubscribePacket,
  type SubscriptionRequest,
  type UnsubscribePacket,
  type Will,
} from "@aiko/mqtt/codec";
import { type Delivery, EventEmitter } from "@aiko/mqtt/session";
import { parseSharedFilter } from "@aiko/mqtt/topic";
import type { BrokerEvents, BrokerStatistics } from "./broker-events.js";
import type { BrokerSettings, ConnectRefusal } from "./broker-options.js";
import type { ClientConnection, Reception } from "./client-connection.js";
import { type ClientOwner, KnownClient } from "./known-client.js";
import { type PublishedMessage, publishedMessage, type SharedMessage, willMessage } from "./published-message.js";
import { RetainedMessages } from "./retained-messages.js";
import { isRefusal, SUBACK_FAILURE } from "./return-codes.js";
import { SubscriptionTable } from "./subscription-table.js";
import { connackOf, termsOf } from "./terms.js";
import { hasMoreLevels } from "./topic-levels.js";

export class Hub implements Reception, ClientOwner {
  readonly events = new EventEmitter<BrokerEvents>(logUnheard);
  private readonly clock: Clock;
  private readonly connections = new Set<ClientConnection>();
  private readonly clients = new Map<string, KnownClient>();
  private readonly subscriptions = new SubscriptionTable<KnownClient>();
  private readonly retained: RetainedMessages;
  private closed = false;

  constructor(private readonly settings: BrokerSettings) {
    this.clock = settings.clock;
    this.retained = new RetainedMessages(this.clock, settings.retained);
  }

  get isClosed(): boolean {
    return this.closed;
  }

  get connectionCount(): number {
    return this.connections.size;
  }

  get statistics(): BrokerStatistics {
    return {
      openConnections: this.connections.size,
      sessions: this.clients.size,
      subscriptions: this.subscriptions.size,
      retainedMessages: this.retained.size,
    };
  }

  opened(connection: ClientConnection): void {
    this.connections.add(connection);
  }

  gone(connection: ClientConnection): void {
    this.connections.delete(connection);
  }

  refused(reason: string): void {
    this.events.emit("refused", { reason });
  }

  /** Ends every connection and discards every session. */
  close(): void {
    this.closed = true;
    for (const connection of this.connections)
      connection.close(ReasonCode.SERVER_SHUTTING_DOWN, "the broker is closing");
    for (const client of this.clients.values()) client.cancelTimers();
    this.clients.clear();
    this.retained.close();
  }

  connect(connection: ClientConnection, packet: ConnectPacket): void {
    const clientId = packet.clientId === "" ? this.newClientId() : packet.clientId;
    const { username, password } = packet;
    const method = packet.properties?.authenticationMethod;
    if (method !== undefined) {
      connection.refuse(
        ReasonCode.BAD_AUTHENTICATION_METHOD,
        `"${clientId}": enhanced authentication is not supported by this broker`,
      );
      return;
    }
    const decide = (answer: unknown): void => {
      if (!connection.isDeciding) return; // the client has disconnected meanwhile
      if (this.closed) {
        connection.refuse(ReasonCode.SERVER_UNAVAILABLE, "the broker is closing");
      } else if (answer === true) {
        this.letIn(connection, packet, clientId);
      } else {
        const refusal = refusalOf(answer);
        connection.refuse(refusal, `"${clientId}": authenticate refused with ${describeReasonCode(refusal)}`);
      }
    };
    const fail = (error: unknown): void =>
      connection.refuse(ReasonCode.SERVER_UNAVAILABLE, `"${clientId}": authenticate failed: ${error}`);
    let answer: unknown; // JavaScript may return anything
    try {
      const { address, origin } = connection.arrival;
      answer = this.settings.authenticate({ clientId, username, password, address, origin });
    } catch (error) {
      fail(error);
      return;
    }
    if (isThenable(answer)) Promise.resolve(answer).then(decide, fail);
    else decide(answer);
  }

  /** Publishes a message of a client, or of the broker itself. Returns the reason code for its acknowledgement. */
  publish(message: PublishedMessage): number {
    const now = this.clock.now();
    if (message.retain && !this.retained.keep(message, now)) {
      this.events.emit("notRetained", { clientId: message.publisher, topic: message.topic });
    }
    const recipients = this.subscriptions.recipients(message);
    for (const [client, recipient] of recipients) client.deliver(message, recipient, now);
    return recipients.size === 0 ? ReasonCode.NO_MATCHING_SUBSCRIBERS : ReasonCode.SUCCESS;
  }

  published(client: KnownClient, packet: PublishPacket, delivery: Delivery | undefined): void {
    const { clientId } = client;
    const reasonCode = this.publish(publishedMessage(packet, clientId, this.clock.now()));
    const { events } = this;
    if (events.has("published")) {
      events.emit("published", { clientId, topic: packet.topic, bytes: packet.payload.length });
    }
    if (delivery !== undefined) client.session.finished(delivery, reasonCode);
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

  disconnected(client: KnownClient, will: Will | undefined, reason: string): void {
    this.events.emit("disconnected", { clientId: client.clientId, reason });
    if (this.closed) return;
    if (will !== undefined) this.scheduleWill(client, will);
    if (client.expiry === 0) this.endSession(client);
    else client.endLater(this.clock, () => this.endSession(client));
  }

  dropped(client: KnownClient, topic: string, reason: string): void {
    if (this.events.has("dropped")) this.events.emit("dropped", { clientId: client.clientId, topic, reason });
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

  private letIn(connection: ClientConnection, packet: ConnectPacket, clientId: string): void {
    const { settings } = this;
    if (this.clients.size >= settings.maximumSessions && !this.clients.has(clientId)) {
      connection.refuse(
        ReasonCode.QUOTA_EXCEEDED,
        `"${clientId}": the limit maximumSessions ${settings.maximumSessions} is reached`,
      );
      return;
    }
    const { protocolVersion, cleanStart } = packet;
    this.clients.get(clientId)?.end(ReasonCode.SESSION_TAKEN_OVER, "another connection took over the session");
    const former = this.clients.get(clientId); // undefined if its session has ended with its connection
    if (former !== undefined && cleanStart) this.endSession(former);
    const resumed = former !== undefined && !cleanStart;
    const client = resumed ? former : this.newClient(clientId);
    this.clients.set(clientId, client);
    const terms = termsOf(packet, clientId, resumed, settings);
    client.connected(connection, packet, terms.sessionExpiry);
    const { address } = connection.arrival;
    this.events.emit("connected", { clientId, protocolVersion, address, sessionPresent: resumed });
    connection.admit(client, packet, terms, connackOf(packet, terms, settings));
  }

  private newClient(clientId: string): KnownClient {
    const { outbox, receiveMaximum, topicAliasMaximum } = this.settings;
    const options = { outbox, receiveMaximum, topicAliasMaximum };
    return new KnownClient(clientId, options, this.settings.maximumSessionExpiry, this);
  }

  private newClientId(): string {
    let clientId: string;
    do {
      clientId = `auto${Math.floor(platform.random.next() * 2 ** 52).toString(36)}`;
    } while (this.clients.has(clientId));
    return clientId;
  }

  private endSession(client: KnownClient): void {
    for (const topicFilter of client.topicFilters) this.subscriptions.delete(client, topicFilter);
    client.topicFilters.clear();
    if (this.clients.get(client.clientId) === client) this.clients.delete(client.clientId);
    client.sessionEnded((shared) => this.transfer(shared));
  }

  /**
   * Passes a message that a member's session left unfinished to another member of the group, if there is one [MQTT5
   * 4.8.2].
   */
  private transfer({ message, sharedFilters }: SharedMessage): void {
    const now = this.clock.now();
    if (message.expiresAt <= now) return;
    const recipients = this.subscriptions.members(sharedFilters, message);
    for (const [client, recipient] of recipients) client.deliver(message, recipient, now);
  }

  /** Publishes the will immediately, or after its delay, even if the session ends before that [MQTT5-3.1.2-8]. */
  private scheduleWill(client: KnownClient, will: Will): void {
    // Its expiry counts from its publication [MQTT5-3.1.3.2.4].
    const publish = () => this.publish(willMessage(will, client.clientId, this.clock.now()));
    const delay = will.properties?.willDelayInterval ?? 0;
    if (delay === 0 || client.expiry === 0) publish();
    else client.delayWill(this.clock, delay, publish);
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

/** Logs the first error of a listener if there is no listener of "error". */
function logUnheard(error: unknown, failed: boolean): void {
  const why = failed ? 'an "error" listener threw:' : 'no "error" listener is registered; logging the first error:';
  console.error(`broker: ${why}`, error);
}

/** Returns the refusal for an answer of `authenticate`. Only true accepts the client. */
function refusalOf(answer: unknown): number {
  const { reasonCode } = Object(answer) as Partial<ConnectRefusal>;
  return isRefusal(reasonCode) ? reasonCode : ReasonCode.BAD_USER_NAME_OR_PASSWORD;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
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
