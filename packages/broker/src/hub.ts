/**
 * The core of the broker: accepts clients and keeps their sessions. Knows nothing of sockets, and leaves messages to the
 * router.
 */

import { type Clock, type MqttError, platform } from "@aiko/mqtt";
import {
  type ConnackPacket,
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
import { type ClientOwner, KnownClient, type SessionSettings } from "./clients/known-client.js";
import { Admission } from "./connecting/admission.js";
import type { ClientConnection } from "./connecting/client-connection.js";
import type { Reception } from "./connecting/reception.js";
import { connackOf, isTooSilent, termsOf } from "./connecting/terms.js";
import type { Accepted } from "./connecting/verdict.js";
import { Workload } from "./connecting/workload.js";
import { Hooks } from "./hooks/hooks.js";
import { Intake } from "./hooks/intake.js";
import { Reselection } from "./hooks/reselection.js";
import { type ExpiringQueue, ExpirySweep } from "./messages/expiry-sweep.js";
import { MemoryBudget, SESSION_SIZE, willSize } from "./messages/memory-budget.js";
import { topicRefusal } from "./messages/permitted-publications.js";
import type { PublishedMessage } from "./messages/published-message.js";
import { Router } from "./messages/router.js";
import type { ConnectRequest } from "./options/authentication.js";
import type { BrokerSettings } from "./options/broker-options.js";
import type { BrokerJournal, JournalOwner } from "./persistence/broker-journal.js";
import type { LoadedSession, LoadedState } from "./persistence/loaded-state.js";
import { Persistence } from "./persistence/persistence.js";
import { Traffic } from "./traffic.js";

export class Hub implements Reception<ClientConnection>, ClientOwner, JournalOwner {
  readonly events = new EventEmitter<BrokerEvents>(logUnheard);
  readonly router: Router;
  private readonly budget: MemoryBudget;
  readonly intake: Intake;
  readonly workload: Workload;
  readonly traffic = new Traffic();
  /** The subscriptions of the application. */
  readonly application: ApplicationSubscriptions;
  private readonly hooks: Hooks;
  private readonly reselection: Reselection;
  private readonly clock: Clock;
  private readonly admission: Admission;
  private readonly expirySweep: ExpirySweep;
  private readonly persistence: Persistence | undefined;
  /** Undefined if nothing is stored. */
  readonly journal: BrokerJournal | undefined;
  private readonly connections = new Set<ClientConnection>();
  private readonly clients = new Map<string, KnownClient>();
  readonly clientList = new ClientList(this.clients);
  private damage: BrokerEvents["storeDamaged"] | undefined;
  private readonly dueWills: { readonly client: KnownClient; readonly will: Will }[] = [];
  private isPublishingWills = false;
  /** Clients with a connection. */
  private connected = 0;
  private closed = false;

  /** One object for all sessions: a copy for each would take half a kilobyte. */
  private readonly sessionOptions: SessionSettings;

  constructor(private readonly settings: BrokerSettings) {
    this.clock = settings.clock;
    const { outbox, outboxInMemory, receiveMaximum, topicAliasMaximum } = settings;
    const bounds = { ...outbox, maximumInflightBytes: outbox.maximumBytes };
    this.sessionOptions = { outbox: bounds, outboxInMemory, receiveMaximum, topicAliasMaximum };
    this.admission = new Admission(settings);
    this.expirySweep = new ExpirySweep(this.clock);
    this.budget = new MemoryBudget(settings.maximumMemory);
    this.workload = new Workload(this.clock);
    this.persistence = settings.store && new Persistence(settings.store, this.clock, this);
    this.journal = this.persistence?.journal;
    this.router = new Router(settings, this.events, this.budget, this.workload, this.traffic, this.journal);
    this.hooks = new Hooks(settings, (error) => this.events.emit("error", error));
    this.application = new ApplicationSubscriptions(settings, this.router, this.events);
    this.intake = new Intake(settings.clock, this.events, this.hooks, this.router, this.application, this.journal);
    this.reselection = new Reselection(this.router);
  }

  get isClosed(): boolean {
    return this.closed;
  }

  get connectionCount(): number {
    return this.connections.size;
  }

  get statistics(): BrokerStatistics {
    const { bytesReceived, bytesSent, packetsReceived, connections, expiredSessions, messagesDropped } = this.traffic;
    const { messagesReceived, messagesDelivered, payloadBytesReceived, payloadBytesDelivered } = this.traffic;
    return {
      openConnections: this.connections.size,
      connectedClients: this.connected,
      sessions: this.clients.size,
      subscriptions: this.router.subscriptionCount,
      retainedMessages: this.router.retainedCount,
      memory: this.budget.used,
      acceptedConnections: connections,
      expiredSessions,
      bytesReceived,
      bytesSent,
      packetsReceived,
      messagesReceived,
      payloadBytesReceived,
      messagesDelivered,
      payloadBytesDelivered,
      messagesDropped,
    };
  }

  opened(connection: ClientConnection): void {
    this.connections.add(connection);
    this.traffic.connections++;
  }

  gone(connection: ClientConnection): void {
    connection.arrival.visit?.ended();
    this.connections.delete(connection);
  }

  refused(reason: string): void {
    this.events.emit("refused", { reason });
  }

  /** Applies the settings that may have changed. Those that are read where they hold need nothing. */
  limitsChanged(): void {
    this.budget.limit = this.settings.maximumMemory;
  }

  /** Ends the connections that came through this listener. */
  closeEntrance(place: object, reasonCode: number, reason: string): void {
    for (const connection of this.connections)
      if (connection.arrival.place === place) connection.close(reasonCode, reason);
  }

  /**
   * Opens the store, if there is one, and continues with what an earlier process left. Call it before the first
   * connection.
   *
   * @throws StoreError
   */
  async open(): Promise<void> {
    const state = await this.persistence?.open();
    if (state !== undefined) this.restore(state);
  }

  /** Called when the application is about to have the broker: reports what it could not hear before. */
  started(): void {
    const { damage } = this;
    this.damage = undefined;
    if (damage !== undefined) this.clock.defer(() => this.events.emit("storeDamaged", damage));
  }

  /** Resolves when everything is written, and the store is closed. @throws StoreError */
  async settled(): Promise<void> {
    await this.journal?.close();
  }

  storeFailed(error: MqttError, isFirst: boolean): void {
    for (const connection of this.connections) connection.storeFailed(`the store failed: ${error.message}`);
    if (isFirst) this.events.emit("storeFailed", { error });
  }

  storeRecovered(): void {
    this.events.emit("storeRecovered", {});
  }

  /** Ends every connection. Sessions end, too, except those in the store. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    // Before the connections end, so that subscribers receive them.
    for (const client of this.clients.values()) client.publishWills((will) => this.publishWill(client, will));
    for (const connection of this.connections)
      connection.close(ReasonCode.SERVER_SHUTTING_DOWN, "the broker is closing");
    for (const client of this.clients.values()) client.closed();
    this.clients.clear();
    this.expirySweep.close();
    this.router.close();
    this.intake.close();
  }

  connect(connection: ClientConnection, packet: ConnectPacket): void {
    const clientId = packet.clientId === "" ? this.newClientId() : packet.clientId;
    if (isTooSilent(packet, this.settings)) {
      const reason = `"${clientId}": keep-alive ${packet.keepAlive} exceeds maximumKeepAlive`;
      connection.refuse({ reasonCode: ReasonCode.CLIENT_IDENTIFIER_NOT_VALID, reason });
      return;
    }
    const refusal = packet.protocolVersion === 5 && packet.will && topicRefusal(packet.will.topic);
    if (refusal) {
      const reason = `"${clientId}": will topic: ${refusal.reason}`;
      connection.refuse({ ...refusal, reason, properties: { reasonString: `will topic: ${refusal.reason}` } });
      return;
    }
    this.admission.decide(connection, packet, clientId, (request, verdict) => this.letIn(connection, request, verdict));
  }

  published(client: KnownClient, packet: PublishPacket, delivery: Delivery | undefined): void {
    this.traffic.received(packet.payload);
    this.intake.publish(client, packet, delivery);
  }

  subscribe(client: KnownClient, packet: SubscribePacket): void {
    this.intake.subscribe(client, packet);
  }

  unsubscribe(client: KnownClient, packet: UnsubscribePacket): void {
    this.router.unsubscribe(client, packet);
  }

  disconnected(client: KnownClient, will: Will | undefined, reason: string): void {
    this.connected--;
    this.events.emit("disconnected", { clientId: client.clientId, reason });
    if (this.closed) return;
    if (will !== undefined) this.scheduleWill(client, will);
    if (client.expiry === 0) this.endSession(client);
    else client.endLater(this.clock, client.expiry, () => this.expired(client));
  }

  private expired(client: KnownClient): void {
    this.traffic.expiredSessions++;
    this.endSession(client);
  }

  waits(queue: ExpiringQueue, until: number): void {
    this.expirySweep.waits(queue, until);
  }

  unreadable(reason: string): void {
    this.events.emit("storeDamaged", { records: 1, reason });
  }

  readingFailed(error: unknown): void {
    this.events.emit("error", error);
  }

  dropped(client: KnownClient, topic: string, reason: string): void {
    this.traffic.messagesDropped++;
    if (this.events.has("dropped")) this.events.emit("dropped", { clientId: client.clientId, topic, reason });
  }

  denied(client: KnownClient, message: PublishedMessage, sharedFilters: readonly string[] | undefined): void {
    if (sharedFilters !== undefined) this.reselection.passOn(client, message, sharedFilters);
  }

  delivered(payload: Uint8Array): void {
    this.traffic.delivered(payload);
  }

  discard(client: KnownClient): void {
    if (this.clients.get(client.clientId) === client) this.endSession(client);
  }

  unsubscribeUnrecorded(client: KnownClient, topicFilter: string): void {
    this.router.undo(client, topicFilter);
  }

  private letIn(connection: ClientConnection, request: ConnectRequest, { identity, data }: Accepted): void {
    const { settings } = this;
    const { clientId, connect: packet } = request;
    const refuse = (reasonCode: number, reason: string, reasonString?: string): void =>
      connection.refuse({ reasonCode, reason: `"${clientId}": ${reason}`, properties: { reasonString } });
    if (this.closed) {
      refuse(ReasonCode.SERVER_UNAVAILABLE, "the broker is closing");
      return;
    }
    if (this.clients.size >= settings.maximumSessions && !this.clients.has(clientId)) {
      const reason = `the limit maximumSessions ${settings.maximumSessions} is reached`;
      refuse(ReasonCode.SERVER_BUSY, reason, "too many sessions");
      return;
    }
    const isSmall = this.clients.has(clientId) && willSize(packet.will) <= SESSION_SIZE;
    if (!isSmall && this.budget.isFull) {
      refuse(ReasonCode.SERVER_BUSY, `the limit maximumMemory ${settings.maximumMemory} is reached`, "out of memory");
      return;
    }
    const { protocolVersion, cleanStart } = packet;
    const known = this.clients.get(clientId);
    const resumed = known !== undefined && !cleanStart && known.identity === identity && known.outlivesConnection;
    const terms = termsOf(packet, clientId, resumed, settings);
    if (this.journal?.isFailing && !resumed && terms.sessionExpiry > 0) {
      refuse(ReasonCode.SERVER_UNAVAILABLE, "the store cannot be written", "the session cannot be stored");
      return;
    }
    let answer: ConnackPacket;
    try {
      answer = connackOf(request, data, terms, settings);
    } catch (error) {
      refuse(ReasonCode.SERVER_UNAVAILABLE, `responseInformation failed: ${error}`);
      return;
    }
    const connack = connection.offer(answer);
    if (connack === undefined) return;
    known?.end(ReasonCode.SESSION_TAKEN_OVER, "another connection took over the session");
    const former = this.clients.get(clientId); // undefined if its session has ended with its connection
    if (former !== undefined && !resumed) {
      this.endSession(former);
      connection.awaitStore();
    }
    const client = resumed ? known : this.newClient(clientId, terms.sessionExpiry > 0);
    this.clients.set(clientId, client);
    client.connected(connection, packet, terms.sessionExpiry, identity);
    this.connected++;
    connection.admit(client, packet, terms, connack);
    client.admitted();
    const { address } = connection.arrival;
    this.events.emit("connected", { clientId, protocolVersion, address, identity, sessionPresent: resumed });
    connection.resume();
  }

  /** @param isKept whether the session outlives its connection */
  private newClient(clientId: string, isKept: boolean): KnownClient {
    const { sessionOptions, budget, clock, settings } = this;
    const journal = isKept ? this.journal : undefined;
    const { maximumSessionExpiry } = settings;
    const client = new KnownClient(clientId, sessionOptions, maximumSessionExpiry, this, budget, clock, journal);
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
    for (const queue of client.queues) this.expirySweep.forget(queue);
    if (this.clients.get(client.clientId) === client) this.clients.delete(client.clientId);
    client.sessionEnded((shared) => this.router.transfer(shared));
    this.events.emit("sessionEnded", { clientId: client.clientId });
  }

  /**
   * Publishes wills one after the other: a hook may end another connection because of a will, whose will follows, and so
   * on.
   */
  private publishWill(client: KnownClient, will: Will): void {
    this.dueWills.push({ client, will });
    if (this.isPublishingWills) return;
    this.isPublishingWills = true;
    try {
      for (let due = this.dueWills.shift(); due !== undefined; due = this.dueWills.shift())
        this.intake.publishWill(due.client, due.will);
    } finally {
      this.isPublishingWills = false;
    }
  }

  /** Publishes the will immediately, or after its delay, even if the session ends before that [MQTT5-3.1.2-8]. */
  private scheduleWill(client: KnownClient, will: Will): void {
    const publish = () => this.publishWill(client, will);
    const delay = will.properties?.willDelayInterval ?? 0;
    if (delay === 0 || client.expiry === 0) publish();
    else client.delayWill(this.clock, delay, will, publish);
  }

  private restore({ sessions, retained, rejected }: LoadedState): void {
    this.router.restoreRetained(retained);
    const restored = sessions.map((loaded) => {
      const client = this.newClient(loaded.record.clientId, true);
      this.clients.set(client.clientId, client);
      client.restore(loaded);
      for (const { record } of loaded.subscriptions.values()) this.router.restore(client, record);
      return { client, loaded };
    });
    // When all can receive the wills.
    for (const { client, loaded } of restored) this.awaitAgain(client, loaded);
    const [first] = rejected;
    if (first !== undefined) this.damage = { records: rejected.length, reason: `record ${first.key}: ${first.why}` };
  }

  /**
   * Continues to wait for a client of an earlier process. If the client was connected when the process ended, its
   * connection ends now.
   */
  private awaitAgain(client: KnownClient, { record }: LoadedSession): void {
    const now = this.clock.now();
    const { will, endedAt } = record;
    const since = Math.min(endedAt, now); // the system's clock may have been set back
    const left = (seconds: number): number => Math.max(0, seconds - (now - since) / 1000);
    if (will !== undefined && endedAt === Infinity) {
      this.scheduleWill(client, will);
    } else if (will !== undefined) {
      const delay = left(will.properties?.willDelayInterval ?? 0);
      client.delayWill(this.clock, delay, will, () => this.publishWill(client, will));
    }
    if (endedAt === Infinity) client.journal?.disconnected();
    if (left(client.expiry) === 0) this.expired(client);
    else client.endLater(this.clock, left(client.expiry), () => this.expired(client));
  }
}

/** Logs the first error of a listener if there is no listener of "error". */
function logUnheard(error: unknown, failed: boolean): void {
  const why = failed ? 'an "error" listener threw:' : 'no "error" listener is registered; logging the first error:';
  console.error(`broker: ${why}`, error);
}
