/**
 * The core of the broker: accepts clients and keeps their sessions. Knows nothing of sockets, and leaves messages to the
 * router.
 */

import { type Clock, platform } from "@aiko/mqtt";
import {
  type ConnectPacket,
  type PublishPacket,
  ReasonCode,
  type SubscribePacket,
  type UnsubscribePacket,
  type Will,
} from "@aiko/mqtt/codec";
import { type Delivery, EventEmitter } from "@aiko/mqtt/session";
import { ApplicationSubscriptions } from "./application/application-subscriptions.js";
import type { BrokerEvents, BrokerStatistics } from "./broker-events.js";
import { ClientList } from "./clients/broker-clients.js";
import { type ClientOwner, KnownClient } from "./clients/known-client.js";
import { Admission } from "./connecting/admission.js";
import type { ClientConnection, Reception } from "./connecting/client-connection.js";
import { connackOf, termsOf } from "./connecting/terms.js";
import { Hooks } from "./hooks/hooks.js";
import { Intake } from "./hooks/intake.js";
import { Reselection } from "./hooks/reselection.js";
import type { PublishedMessage } from "./messages/published-message.js";
import { Router } from "./messages/router.js";
import type { BrokerSettings } from "./options/broker-options.js";

export class Hub implements Reception, ClientOwner {
  readonly events = new EventEmitter<BrokerEvents>(logUnheard);
  readonly router: Router;
  readonly intake: Intake;
  /** The subscriptions of the application. */
  readonly application: ApplicationSubscriptions;
  private readonly hooks: Hooks;
  private readonly reselection: Reselection;
  private readonly clock: Clock;
  private readonly admission: Admission;
  private readonly connections = new Set<ClientConnection>();
  private readonly clients = new Map<string, KnownClient>();
  readonly clientList = new ClientList(this.clients);
  private closed = false;

  constructor(private readonly settings: BrokerSettings) {
    this.clock = settings.clock;
    this.admission = new Admission(settings);
    this.router = new Router(settings, this.events);
    this.hooks = new Hooks(settings, (error) => this.events.emit("error", error));
    this.application = new ApplicationSubscriptions(settings, this.router, this.events);
    this.intake = new Intake(settings.clock, this.events, this.hooks, this.router, this.application);
    this.reselection = new Reselection(this.router);
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
      subscriptions: this.router.subscriptionCount,
      retainedMessages: this.router.retainedCount,
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
    this.router.close();
    this.intake.close();
  }

  connect(connection: ClientConnection, packet: ConnectPacket): void {
    const clientId = packet.clientId === "" ? this.newClientId() : packet.clientId;
    this.admission.decide(connection, packet, clientId, () => this.letIn(connection, packet, clientId));
  }

  published(client: KnownClient, packet: PublishPacket, delivery: Delivery | undefined): void {
    this.intake.publish(client, packet, delivery);
  }

  subscribe(client: KnownClient, packet: SubscribePacket): void {
    this.intake.subscribe(client, packet);
  }

  unsubscribe(client: KnownClient, packet: UnsubscribePacket): void {
    this.router.unsubscribe(client, packet);
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

  denied(client: KnownClient, message: PublishedMessage, sharedFilters: readonly string[] | undefined): void {
    if (sharedFilters !== undefined) this.reselection.passOn(client, message, sharedFilters);
  }

  discard(client: KnownClient): void {
    if (this.clients.get(client.clientId) === client) this.endSession(client);
  }

  private letIn(connection: ClientConnection, packet: ConnectPacket, clientId: string): void {
    const { settings } = this;
    if (this.closed) {
      connection.refuse(ReasonCode.SERVER_UNAVAILABLE, "the broker is closing");
      return;
    }
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
    const client = new KnownClient(clientId, options, this.settings.maximumSessionExpiry, this);
    client.gate = this.hooks.delivering(client);
    return client;
  }

  private newClientId(): string {
    let clientId: string;
    do {
      clientId = `auto${Math.floor(platform.random.next() * 2 ** 52).toString(36)}`;
    } while (this.clients.has(clientId));
    return clientId;
  }

  private endSession(client: KnownClient): void {
    this.router.forget(client);
    if (this.clients.get(client.clientId) === client) this.clients.delete(client.clientId);
    client.sessionEnded((shared) => this.router.transfer(shared));
    this.events.emit("sessionEnded", { clientId: client.clientId });
  }

  /** Publishes the will immediately, or after its delay, even if the session ends before that [MQTT5-3.1.2-8]. */
  private scheduleWill(client: KnownClient, will: Will): void {
    const publish = () => this.intake.publishWill(client, will);
    const delay = will.properties?.willDelayInterval ?? 0;
    if (delay === 0 || client.expiry === 0) publish();
    else client.delayWill(this.clock, delay, publish);
  }
}

/** Logs the first error of a listener if there is no listener of "error". */
function logUnheard(error: unknown, failed: boolean): void {
  const why = failed ? 'an "error" listener threw:' : 'no "error" listener is registered; logging the first error:';
  console.error(`broker: ${why}`, error);
}
