/**
 * Everything that the broker keeps of one client: its session, its subscriptions, its will, and its connection if it
 * has one.
 */

import { type Clock, type MqttError, ProtocolError, type Timer } from "@aiko/mqtt";
import {
  type ConnectPacket,
  type DisconnectPacket,
  type Packet,
  type ProtocolVersion,
  type PublishPacket,
  ReasonCode,
  type SubscribePacket,
  type UnsubscribePacket,
  type Will,
} from "@aiko/mqtt/codec";
import { type Delivery, ServerSession, type ServerSessionEvents, type ServerSessionOptions } from "@aiko/mqtt/session";
import type { ClientConnection } from "../connecting/client-connection.js";
import {
  DeliveredMessage,
  forKeeping,
  ownBytes,
  type PublishedMessage,
  type SharedMessage,
} from "../messages/published-message.js";
import type { Recipient, Subscriber } from "../messages/subscription-table.js";

/** What a client needs of the rest of the broker. */
export interface ClientOwner {
  published(client: KnownClient, packet: PublishPacket, delivery: Delivery | undefined): void;
  subscribe(client: KnownClient, packet: SubscribePacket): void;
  unsubscribe(client: KnownClient, packet: UnsubscribePacket): void;
  /** The connection has ended; `will` is the will to publish, if any. */
  disconnected(client: KnownClient, will: Will | undefined, reason: string): void;
  /** A message that expires waits for the client. */
  waits(client: KnownClient, until: number): void;
  /** A message for the client exceeded a limit. */
  dropped(client: KnownClient, topic: string, reason: string): void;
}

/** The errors of a delivery that mean that a limit was exceeded. Others are due to the client, or to expiry. */
const BOUNDS: ReadonlySet<MqttError["code"]> = new Set([
  "OUTBOX_FULL",
  "OUTBOX_DROPPED",
  "MAXIMUM_PACKET_SIZE_EXCEEDED",
]);

export class KnownClient implements ServerSessionEvents, Subscriber {
  readonly session: ServerSession;
  readonly topicFilters = new Set<string>();
  /** Seconds that the session is kept after its connection has ended. */
  expiry = 0;
  /** Who the client is, as `authenticate` or its authentication method answered. */
  identity: string | undefined;
  /** The version of its last connection. */
  version: ProtocolVersion = 5;
  private expiryTimer: Timer | undefined;
  private delayedWill: { readonly timer: Timer; readonly publish: () => void } | undefined;
  private will: Will | undefined;
  private connection: ClientConnection | undefined;

  constructor(
    readonly clientId: string,
    options: ServerSessionOptions,
    private readonly maximumExpiry: number,
    private readonly owner: ClientOwner,
  ) {
    this.session = new ServerSession(options, this);
  }

  get isOnline(): boolean {
    return this.connection !== undefined;
  }

  /** Whether the session continues when its connection, if it has one, ends. */
  get outlivesConnection(): boolean {
    return !this.isOnline || this.expiry > 0;
  }

  /** Called when a connection was accepted as this client. */
  connected(connection: ClientConnection, packet: ConnectPacket, expiry: number, identity: string | undefined): void {
    this.connection = connection;
    this.identity = identity;
    this.version = packet.protocolVersion;
    this.will = packet.will && { ...packet.will, payload: ownBytes(packet.will.payload) };
    this.expiry = expiry;
    this.cancelTimers();
  }

  /** Cancels the timers: the client is back, or the broker is closed. */
  cancelTimers(): void {
    this.expiryTimer?.cancel();
    this.delayedWill?.timer.cancel();
    this.delayedWill = undefined;
  }

  /** Calls `publish` after this many seconds, unless the client reconnects before [MQTT5-3.1.3-9]. */
  delayWill(clock: Clock, seconds: number, publish: () => void): void {
    this.delayedWill = { timer: clock.schedule(seconds * 1000, () => this.publishDelayedWill()), publish };
  }

  /** Calls `ended` when the session has expired, unless the client reconnects before. */
  endLater(clock: Clock, ended: () => void): void {
    this.expiryTimer = clock.schedule(this.expiry * 1000, ended);
  }

  /**
   * Called when the session has ended: publishes a delayed will [MQTT5-3.1.3-9]. Before that, `transfer` receives the
   * messages for other members of shared subscriptions, in order.
   */
  sessionEnded(transfer: (shared: SharedMessage) => void): void {
    this.expiryTimer?.cancel();
    for (const message of this.session.end()) {
      if (message instanceof DeliveredMessage && message.isTransferable) transfer(message.shared as SharedMessage);
    }
    this.publishDelayedWill();
  }

  /** Publishes the will now, and a delayed one, because the broker closes. Neither is published again. */
  publishWills(publish: (will: Will) => void): void {
    const { will } = this;
    this.will = undefined;
    if (will !== undefined) publish(will);
    this.publishDelayedWill();
  }

  /** Ends the connection, if there is one; on MQTT 5, sends the reason. */
  end(reasonCode: number, reason: string): void {
    this.connection?.close(reasonCode, reason);
  }

  connectionEnded(connection: ClientConnection, reason: string): void {
    if (connection !== this.connection) return;
    this.connection = undefined;
    const { will } = this;
    this.will = undefined;
    this.session.connectionLost();
    this.owner.disconnected(this, will, reason);
  }

  /**
   * Sends a message, or queues it. QoS 0 messages are not queued for a client that is not connected. Returns false if
   * the queue is full.
   */
  deliver(message: PublishedMessage, recipient: Recipient, now: number): boolean {
    if (!this.isOnline && recipient.qos === 0) return true;
    if (recipient.qos > 0 || this.session.isBacklogged) forKeeping(message);
    const { topic, payload, expiresAt } = message;
    const { qos, retain, subscriptionIdentifiers, sharedFilters } = recipient;
    const properties =
      subscriptionIdentifiers.length === 0 ? message.properties : { ...message.properties, subscriptionIdentifiers };
    const shared = sharedFilters === undefined ? undefined : { message, sharedFilters };
    const delivered = new DeliveredMessage(topic, payload, qos, retain, properties, expiresAt, this, shared);
    this.session.deliver(delivered, now);
    if (expiresAt < Infinity && delivered.state === "queued") this.owner.waits(this, expiresAt);
    return !delivered.foundNoRoom;
  }

  /** Called when a message could not be delivered. */
  undelivered(message: DeliveredMessage, error: MqttError): void {
    if (BOUNDS.has(error.code)) this.owner.dropped(this, message.topic, error.message);
  }

  published(packet: PublishPacket, delivery: Delivery | undefined): void {
    this.owner.published(this, packet, delivery);
  }

  subscribe(packet: SubscribePacket): void {
    this.owner.subscribe(this, packet);
  }

  unsubscribe(packet: UnsubscribePacket): void {
    this.owner.unsubscribe(this, packet);
  }

  unsendable(type: Packet["type"], size: number): void {
    const reason = `${type.toUpperCase()} has ${size} bytes, more than the client's maximumPacketSize`;
    this.end(ReasonCode.PACKET_TOO_LARGE, reason);
  }

  roomAgain(): void {
    this.connection?.resume();
  }

  disconnect(packet: DisconnectPacket): void {
    const expiry = packet.properties?.sessionExpiryInterval;
    if (expiry !== undefined) {
      if (this.expiry === 0 && expiry > 0) {
        throw new ProtocolError(
          "PROTOCOL_ERROR",
          ReasonCode.PROTOCOL_ERROR,
          `disconnect: sessionExpiryInterval ${expiry} is not allowed after 0 in CONNECT [MQTT5-3.14.2.2.2]`,
        );
      }
      this.expiry = Math.min(expiry, this.maximumExpiry);
    }
    if (packet.reasonCode === 0) this.will = undefined; // with any other reason, the will is published [MQTT5-3.1.2-10]
    this.connection?.leave();
  }

  private publishDelayedWill(): void {
    const will = this.delayedWill;
    this.delayedWill = undefined;
    will?.timer.cancel();
    will?.publish();
  }
}
