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
import type { BrokerEvents, BrokerStatistics } from "./broker-events.js";
import { type ClientOwner, KnownClient } from "./clients/known-client.js";
import { Admission } from "./connecting/admission.js";
import type { ClientConnection, Reception } from "./connecting/client-connection.js";
import { connackOf, termsOf } from "./connecting/terms.js";
import { publishedMessage, willMessage } from "./messages/published-message.js";
import { Router } from "./messages/router.js";
import type { BrokerSettings } from "./options/broker-options.js";

export class Hub implements Reception, ClientOwner {
  readonly events = new EventEmitter<BrokerEvents>(logUnheard);
  readonly router: Router;
  private readonly clock: Clock;
  private readonly admission: Admission;
  private readonly connections = new Set<ClientConnection>();
  private readonly clients = new Map<string, KnownClient>();
  private closed = false;

  constructor(private readonly settings: BrokerSettings) {
    this.clock = settings.clock;
    this.admission = new Admission(settings);
    this.router = new Router(settings, this.events);
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
  }

  connect(connection: ClientConnection, packet: ConnectPacket): void {
    const clientId = packet.clientId === "" ? this.newClientId() : packet.clientId;
    this.admission.decide(connection, packet, clientId, () => this.letIn(connection, packet, clientId));
  }

  published(client: KnownClient, packet: PublishPacket, delivery: Delivery | undefined): void {
    const { clientId } = client;
    const reasonCode = this.router.forward(packet, clientId)
      ? ReasonCode.SUCCESS
      : this.router.publish(publishedMessage(packet, clientId, this.clock.now()));
    const { events } = this;
    if (events.has("published")) {
      events.emit("published", { clientId, topic: packet.topic, bytes: packet.payload.length });
    }
    if (delivery !== undefined) client.session.finished(delivery, reasonCode);
  }

  subscribe(client: KnownClient, packet: SubscribePacket): void {
    this.router.subscribe(client, packet);
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
    this.router.forget(client);
    if (this.clients.get(client.clientId) === client) this.clients.delete(client.clientId);
    client.sessionEnded((shared) => this.router.transfer(shared));
  }

  /** Publishes the will immediately, or after its delay, even if the session ends before that [MQTT5-3.1.2-8]. */
  private scheduleWill(client: KnownClient, will: Will): void {
    // Its expiry counts from its publication [MQTT5-3.1.3.2.4].
    const publish = () => this.router.publish(willMessage(will, client.clientId, this.clock.now()));
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
