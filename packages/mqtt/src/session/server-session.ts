/**
 * The server's side of a session: what a server keeps of one client across its network connections, and what is said over
 * one. Like its counterpart it does no I/O and reads no clock. It knows one client only: subscriptions, retained messages
 * and who else is connected are up to its owner.
 */

import { forbidden } from "../codec/cursor.js";
import { writePacket } from "../codec/encode.js";
import type {
  ConnectPacket,
  DisconnectPacket,
  Packet,
  ProtocolVersion,
  PublishPacket,
  SubscribePacket,
  UnsubscribePacket,
} from "../codec/packets.js";
import { IncomingTopicAliases } from "./incoming/incoming-topic-aliases.js";
import { type Delivery, MessageReceiver } from "./incoming/message-receiver.js";
import { MessageSender, type Outlet } from "./outgoing/message-sender.js";
import type { OutboxBounds } from "./outgoing/outbox.js";
import type { OutgoingMessage } from "./outgoing/outgoing-message.js";
import { OutgoingTopicAliases } from "./outgoing/outgoing-topic-aliases.js";
import { PacketIdentifiers } from "./packet-identifiers.js";

export interface ServerSessionOptions {
  /** What may wait for this client. */
  readonly outbox: OutboxBounds;
  /** How many QoS 1 and 2 messages the client may send unacknowledged; said in CONNACK on MQTT 5. */
  readonly receiveMaximum: number;
  /** The highest topic alias that the client may use, said in CONNACK on MQTT 5, and that is used towards it. */
  readonly topicAliasMaximum: number;
}

export interface ServerSessionEvents {
  /** The client published; `finished(delivery)` acknowledges. QoS 0 has no delivery. */
  published(packet: PublishPacket, delivery: Delivery | undefined): void;
  subscribe(packet: SubscribePacket): void;
  unsubscribe(packet: UnsubscribePacket): void;
  disconnect(packet: DisconnectPacket): void;
}

interface Link {
  readonly outlet: Outlet;
  readonly version: ProtocolVersion;
  /** Milliseconds of silence after which the client is taken for dead: 1.5 × keep alive [MQTT-3.1.2-24]. */
  readonly patience: number;
  lastReceived: number;
}

const GRACE = 1.5;
const PROTOCOL_MAXIMUM = 268_435_460;

export class ServerSession {
  private readonly sender: MessageSender;
  private readonly receiver = new MessageReceiver(undefined);
  private readonly topicAliases: IncomingTopicAliases;
  private link: Link | undefined;
  /** Of the present connection, or the last. */
  private version: ProtocolVersion = 5;

  constructor(
    private readonly options: ServerSessionOptions,
    private readonly events: ServerSessionEvents,
  ) {
    this.topicAliases = new IncomingTopicAliases(options.topicAliasMaximum);
    const { outbox } = options;
    const bounds = { ...outbox, maximumInflightBytes: outbox.maximumInflightBytes ?? outbox.maximumBytes };
    this.sender = new MessageSender(new PacketIdentifiers(), bounds, undefined);
  }

  get isOnline(): boolean {
    return this.link !== undefined;
  }

  /** Whether a message for this client would have to wait. */
  get isBacklogged(): boolean {
    return this.link === undefined || this.sender.isBacklogged;
  }

  /** Messages for this client whose delivery is not finished. */
  get pending(): number {
    return this.sender.pending;
  }

  /** The client's CONNECT was accepted and CONNACK is written. */
  connectionOpened(outlet: Outlet, connect: ConnectPacket, keepAlive: number, resumed: boolean, now: number): void {
    const version = connect.protocolVersion;
    this.topicAliases.clear();
    this.version = version;
    this.link = { outlet, version, patience: keepAlive * 1000 * GRACE, lastReceived: now };
    const receiveMaximum = version === 5 ? this.options.receiveMaximum : 65_535;
    this.receiver.opened({ outlet, version, receiveMaximum, tolerated: receiveMaximum }, resumed, true);
    this.sender.opened(
      {
        outlet,
        version,
        limits: {
          receiveMaximum: connect.properties?.receiveMaximum ?? 65_535,
          qos2Maximum: 65_535,
          maximumPacketSize: connect.properties?.maximumPacketSize ?? PROTOCOL_MAXIMUM,
          maximumQoS: 2,
          retainAvailable: true,
        },
        topicAliases: OutgoingTopicAliases.upTo(
          Math.min(connect.properties?.topicAliasMaximum ?? 0, this.options.topicAliasMaximum),
        ),
      },
      resumed,
      false,
      now,
    );
  }

  connectionLost(): void {
    this.link = undefined;
    this.sender.lost();
    this.receiver.lost();
  }

  /** Ends the session. Returns the QoS 1 and 2 messages for this client that it had not finished with, in their order. */
  end(): OutgoingMessage[] {
    return this.sender.end();
  }

  /** @throws ProtocolError if a client must not send this packet, or not now */
  receive(packet: Packet, now: number): void {
    const { link } = this;
    if (link === undefined) return;
    switch (packet.type) {
      case "publish":
        this.receivePublish(link, packet);
        break;
      case "puback":
        this.sender.puback(packet, now);
        break;
      case "pubrec":
        this.sender.pubrec(packet, now);
        break;
      case "pubrel":
        this.receiver.pubrel(packet);
        break;
      case "pubcomp":
        this.sender.pubcomp(packet, now);
        break;
      case "subscribe":
        this.events.subscribe(packet);
        break;
      case "unsubscribe":
        this.events.unsubscribe(packet);
        break;
      case "pingreq":
        this.write({ type: "pingresp" });
        break;
      case "disconnect":
        this.events.disconnect(packet);
        break;
      default:
        throw forbidden(`${packet.type}: a client must not send it${packet.type === "connect" ? " twice" : " now"}`);
    }
  }

  /** Sends a message to the client, or keeps it until it may be sent. */
  deliver(message: OutgoingMessage, now: number): void {
    this.sender.publish(message, now);
  }

  /** A message that the client published is taken care of. Before MQTT 5 there is no other answer than yes [MQTT-3.3.5-2]. */
  finished(delivery: Delivery, reasonCode: number): void {
    this.receiver.finished(delivery, this.version === 5 ? reasonCode : 0);
  }

  /** Writes one of the packets that answer the client. */
  write(packet: Packet): void {
    const { link } = this;
    if (link === undefined) return;
    writePacket(link.outlet.out, packet, link.version);
    link.outlet.touch();
  }

  flushed(): void {
    this.sender.flushed();
  }

  drained(now: number): void {
    this.sender.pump(now);
  }

  bytesReceived(now: number): void {
    if (this.link !== undefined) this.link.lastReceived = now;
  }

  /** When a silent client is taken for dead; Infinity if never. */
  deadline(): number {
    const { link } = this;
    return link === undefined || link.patience === 0 ? Infinity : link.lastReceived + link.patience;
  }

  private receivePublish(link: Link, packet: PublishPacket): void {
    if (packet.properties?.subscriptionIdentifiers !== undefined) {
      throw forbidden("publish: a client must not send subscriptionIdentifiers [MQTT5-3.3.4-6]");
    }
    const resolved = link.version === 5 ? this.topicAliases.resolve(packet) : packet;
    if (resolved.qos === 0) {
      this.events.published(resolved, undefined);
      return;
    }
    const delivery = this.receiver.publish(resolved);
    if (delivery !== undefined) this.events.published(resolved, delivery);
  }
}
