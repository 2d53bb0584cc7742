/**
 * The server's side of a session: the state of one client across its network connections, and the packets of each
 * connection. Like ClientSession, it does no I/O and reads no clock. It knows one client only; its owner handles
 * subscriptions, retained messages and other clients.
 */

import { forbidden } from "../codec/cursor.js";
import { encode, writePacket } from "../codec/encode.js";
import { MAXIMUM_CONTROL_SIZE } from "../codec/limits.js";
import type {
  ConnectPacket,
  DisconnectPacket,
  Packet,
  ProtocolVersion,
  PublishPacket,
  SubscribePacket,
  UnsubscribePacket,
} from "../codec/packets.js";
import type { AckProperties } from "../codec/properties.js";
import { type PublishFields, topicLengthProblem, writePublish } from "../codec/publish-coder.js";
import type { PublishCopies } from "../codec/publish-copies.js";
import type { MqttError } from "../errors.js";
import { IncomingTopicAliases } from "./incoming/incoming-topic-aliases.js";
import { type Delivery, MessageReceiver } from "./incoming/message-receiver.js";
import type { MessageJournal } from "./journal/message-journal.js";
import { ImmediateTopicAliases } from "./outgoing/immediate-topic-aliases.js";
import { MessageSender, type Outlet } from "./outgoing/message-sender.js";
import type { OutboxBounds } from "./outgoing/outbox.js";
import type { OutgoingMessage } from "./outgoing/outgoing-message.js";
import { OutgoingTopicAliases } from "./outgoing/outgoing-topic-aliases.js";
import { ServerOutbox } from "./outgoing/server-outbox.js";
import { PacketIdentifiers } from "./packet-identifiers.js";

/** Options of ServerSession, already checked. */
export interface ServerSessionOptions {
  /** Limits of the messages that wait for this client. */
  readonly outbox: OutboxBounds;
  /**
   * The number of unacknowledged QoS 1 and 2 messages that the client may send, as announced in CONNACK on MQTT 5.
   * Before MQTT 5, `isFull` tells the owner to stop reading at this number.
   */
  readonly receiveMaximum: number;
  /** The highest topic alias that the client may use, as announced in CONNACK on MQTT 5, and that the session uses. */
  readonly topicAliasMaximum: number;
}

/** Callbacks for what the client requests. */
export interface ServerSessionEvents {
  /** The client published a message. Call `finished(delivery)` to acknowledge it. QoS 0 messages have no delivery. */
  published(packet: PublishPacket, delivery: Delivery | undefined): void;
  /** The client sent SUBSCRIBE. Answer with `write`. */
  subscribe(packet: SubscribePacket): void;
  /** The client sent UNSUBSCRIBE. Answer with `write`. */
  unsubscribe(packet: UnsubscribePacket): void;
  /** The client sent DISCONNECT. */
  disconnect(packet: DisconnectPacket): void;
  /**
   * A packet was not sent, because it exceeds the client's maximum packet size even without reason string and user
   * properties. The client would wait for it, so close the connection [MQTT5-3.1.2-24].
   */
  unsendable(type: Packet["type"], size: number): void;
  /** `isFull` was true, and is false now. */
  roomAgain(): void;
}

interface Link {
  readonly outlet: Outlet;
  readonly version: ProtocolVersion;
  /** Milliseconds of silence after which the client counts as dead: 1.5 × keep alive [MQTT-3.1.2-24]. */
  readonly patience: number;
  /** The largest packet that the client accepts, in bytes. */
  readonly maximumPacketSize: number;
  /** Whether the client accepts reason strings and user properties in all packets. */
  readonly wantsProblemInformation: boolean;
  lastReceived: number;
}

const GRACE = 1.5;
const PROTOCOL_MAXIMUM = 268_435_460;

/**
 * The server's side of a session, without I/O and without a clock. It knows one client; subscriptions and retained
 * messages belong to its owner.
 */
export class ServerSession {
  private readonly identifiers = new PacketIdentifiers();
  private readonly sender: MessageSender;
  private readonly outbox: ServerOutbox;
  private readonly receiver: MessageReceiver;
  private readonly topicAliases: IncomingTopicAliases;
  private link: Link | undefined;
  /** The version of the current or last connection. */
  private version: ProtocolVersion = 5;
  /** Who waits until messages need not wait. */
  private waiting: (() => void)[] | undefined;
  /** Whether the owner has read that `isFull` is true. */
  private wasFull = false;

  /** @param journal records what must survive the process; default: nothing does */
  constructor(
    private readonly options: ServerSessionOptions,
    private readonly events: ServerSessionEvents,
    journal?: MessageJournal,
  ) {
    this.receiver = new MessageReceiver(journal);
    this.topicAliases = new IncomingTopicAliases(options.topicAliasMaximum);
    const { outbox } = options;
    const { maximumInflightBytes, maximumBytes } = outbox;
    const bounds = maximumInflightBytes === undefined ? { ...outbox, maximumInflightBytes: maximumBytes } : outbox;
    let queue: ServerOutbox | undefined;
    this.sender = new MessageSender(this.identifiers, bounds, journal, false, (giveUp) => {
      queue = new ServerOutbox(bounds, giveUp);
      return queue;
    });
    this.outbox = queue as ServerOutbox;
  }

  /**
   * Restores what a journal has of a session, before its first connection.
   *
   * @param messages unfinished messages for the client, in order: in the state, and with the packet identifier, that they
   * had
   * @param received packet identifiers of QoS 2 messages that were received and not released
   * @param reserved packet identifiers that the client may hold although their messages have an outcome. They are not used
   */
  restore(messages: readonly OutgoingMessage[], received: readonly number[], reserved: readonly number[]): void {
    this.sender.restore(messages);
    this.receiver.restore(received);
    for (const identifier of reserved) this.identifiers.restore(identifier);
  }

  /**
   * Fails a message for the client that could not be recorded, before anything of it was sent. The client must not be
   * connected.
   */
  unrecorded(message: OutgoingMessage, error: MqttError): void {
    this.sender.refuseUnstored([message], error);
  }

  /**
   * Forgets a QoS 2 message of the client that was not acknowledged, so that it counts as a new one when the client sends
   * it again. The client must not be connected.
   */
  forget(packetIdentifier: number): void {
    this.receiver.forget(packetIdentifier);
  }

  /** Continues with recorded messages that its owner kept elsewhere. They follow those that wait. */
  continueWith(messages: readonly OutgoingMessage[], now: number): void {
    this.sender.restore(messages);
    this.drained(now);
  }

  /** Whether the client is connected. */
  get isOnline(): boolean {
    return this.link !== undefined;
  }

  /** Whether a message for this client would have to wait. */
  get isBacklogged(): boolean {
    return this.sender.idleLink === undefined;
  }

  /**
   * Whether the client, before MQTT 5, has `receiveMaximum` messages that were not acknowledged: stop reading until
   * `roomAgain`. QoS 2 messages that wait for PUBREL do not count, because the client sends PUBREL.
   */
  get isFull(): boolean {
    this.wasFull = this.version !== 5 && this.receiver.owing >= this.options.receiveMaximum;
    return this.wasFull;
  }

  /** The number of messages for this client whose delivery is not finished. */
  get pending(): number {
    return this.sender.pending;
  }

  /** The number of messages that were not sent yet. */
  get queuedCount(): number {
    return this.outbox.length;
  }

  /** The bytes of topics, payloads and properties of the messages that were not sent yet. */
  get queuedBytes(): number {
    return this.outbox.bytes;
  }

  /**
   * Reports that the client's CONNECT was accepted and CONNACK is written.
   *
   * @param keepAlive in seconds
   * @param resumed whether the session continues an earlier one
   */
  connectionOpened(outlet: Outlet, connect: ConnectPacket, keepAlive: number, resumed: boolean, now: number): void {
    const version = connect.protocolVersion;
    this.topicAliases.clear();
    this.version = version;
    const { properties = {} } = connect;
    const maximumPacketSize = properties.maximumPacketSize ?? PROTOCOL_MAXIMUM;
    const wantsProblemInformation = version === 5 && properties.requestProblemInformation !== false;
    const patience = keepAlive * 1000 * GRACE;
    this.link = { outlet, version, patience, maximumPacketSize, wantsProblemInformation, lastReceived: now };
    this.wasFull = false;
    const receiveMaximum = version === 5 ? this.options.receiveMaximum : 65_535;
    this.receiver.opened({ outlet, version, receiveMaximum, tolerated: receiveMaximum }, resumed, true);
    this.sender.opened(
      {
        outlet,
        version,
        limits: {
          receiveMaximum: properties.receiveMaximum ?? 65_535,
          qos2Maximum: 65_535,
          maximumPacketSize,
          maximumQoS: 2,
          retainAvailable: true,
        },
        topicAliases: topicAliases(Math.min(properties.topicAliasMaximum ?? 0, this.options.topicAliasMaximum)),
      },
      resumed,
      false,
      now,
    );
  }

  /** The length of the topics that the client has set aliases for. They are kept until its connection is lost. */
  get topicAliasSize(): number {
    return this.topicAliases.size;
  }

  /** Reports that the connection is lost. Unacknowledged messages wait for the next one. */
  connectionLost(): void {
    this.link = undefined;
    this.topicAliases.clear();
    this.sender.lost();
    this.receiver.lost();
    this.tellRoom();
  }

  /**
   * Calls `then` once, as soon as a message would not have to wait for this client, or when its connection is lost. For
   * an owner with more messages than should wait here.
   */
  whenRoom(then: () => void): void {
    this.waiting ??= [];
    this.waiting.push(then);
    if (this.link === undefined || !this.isBacklogged) this.tellRoom();
  }

  /** Ends the session. Returns the unfinished messages for this client, in order. */
  end(): OutgoingMessage[] {
    return this.sender.end();
  }

  /**
   * Handles a packet of the client.
   *
   * @throws ProtocolError if a client must not send this packet, or not now
   */
  receive(packet: Packet, now: number): void {
    const { link } = this;
    if (link === undefined) return;
    switch (packet.type) {
      case "publish":
        this.receivePublish(link, packet);
        break;
      case "puback":
        this.sender.puback(packet, now);
        this.checkRoom();
        break;
      case "pubrec":
        this.sender.pubrec(packet, now);
        this.checkRoom();
        break;
      case "pubrel":
        this.receiver.pubrel(packet);
        break;
      case "pubcomp":
        this.sender.pubcomp(packet, now);
        this.checkRoom();
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

  /** Sends a message to the client, or queues it until it may be sent. */
  deliver(message: OutgoingMessage, now: number): void {
    this.sender.publish(message, now);
  }

  /** Drops the QoS 0 messages that wait for the client: their memory is needed. */
  dropQos0(): void {
    this.outbox.dropQos0();
  }

  /**
   * Writes a QoS 0 message that does not expire, without an object for it, if it may be sent immediately. Returns false
   * if it has to wait or is refused: call `deliver` then.
   *
   * @param copies has begun this message; undefined if it has no other recipient
   */
  forward(message: PublishFields, copies: PublishCopies | undefined): boolean {
    const link = this.sender.idleLink;
    if (link === undefined || topicLengthProblem(link.version, message.topic) !== undefined) return false;
    const { outlet, version, limits, topicAliases } = link;
    const { out } = outlet;
    const maximum = limits.maximumPacketSize;
    const alias = topicAliases.aliasFor(message.topic);
    const written =
      copies === undefined || alias !== 0
        ? writePublish(out, version, message, 0, false, maximum, alias)
        : copies.write(out, version, maximum);
    if (written === 0) {
      if (alias > 0) topicAliases.forget(message.topic);
      return false;
    }
    outlet.touch();
    return true;
  }

  /**
   * Acknowledges a message of the client. Before MQTT 5 the acknowledgement carries no reason code [MQTT-3.3.5-2].
   *
   * @param properties sent with a reason code other than 0, if the client accepts them, they fit, and they are valid
   */
  finished(delivery: Delivery, reasonCode: number, properties?: AckProperties): void {
    const { link } = this;
    if (properties !== undefined && link?.wantsProblemInformation) {
      const { packetIdentifier, qos } = delivery;
      const packet = { type: qos === 1 ? "puback" : "pubrec", packetIdentifier, reasonCode, properties } as const;
      if (fits(packet, link.maximumPacketSize)) delivery.properties = properties;
    }
    this.receiver.finished(delivery, this.version === 5 ? reasonCode : 0);
    if (this.wasFull && !this.isFull) this.events.roomAgain();
  }

  /**
   * Sends a packet that answers the client, if its size allows. Reason string and user properties are left out if the
   * client does not accept them, or not at that size. Does nothing while the client is not connected.
   */
  write(packet: Packet): void {
    const { link } = this;
    if (link === undefined) return;
    const { outlet, version, maximumPacketSize } = link;
    const wanted = link.wantsProblemInformation ? packet : bare(packet);
    if (maximumPacketSize >= MAXIMUM_CONTROL_SIZE) {
      writePacket(outlet.out, wanted, version);
      outlet.touch();
      return;
    }
    let bytes = encode(wanted, version);
    if (bytes.length > maximumPacketSize) bytes = encode(bare(packet), version);
    if (bytes.length > maximumPacketSize) {
      this.events.unsendable(packet.type, bytes.length);
      return;
    }
    outlet.out.append(bytes);
    outlet.touch();
  }

  /** Reports that everything written so far was given to the transport. */
  flushed(): void {
    this.sender.flushed();
  }

  /** Reports that the connection has room again, so that queued messages can be sent. */
  drained(now: number): void {
    this.sender.pump(now);
    this.checkRoom();
  }

  /** Fails the expired messages that wait for the client. Returns when the next one expires; Infinity if none does. */
  expire(now: number): number {
    return this.sender.expire(now);
  }

  /** Reports that bytes of the client arrived, which proves that it is alive. */
  bytesReceived(now: number): void {
    if (this.link !== undefined) this.link.lastReceived = now;
  }

  /** Returns when a silent client counts as dead. Infinity if never. */
  deadline(): number {
    const { link } = this;
    return link === undefined || link.patience === 0 ? Infinity : link.lastReceived + link.patience;
  }

  private checkRoom(): void {
    if (this.waiting !== undefined && !this.isBacklogged) this.tellRoom();
  }

  private tellRoom(): void {
    const { waiting } = this;
    if (waiting === undefined) return;
    this.waiting = undefined;
    for (const then of waiting) then();
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

function topicAliases(maximum: number): OutgoingTopicAliases {
  return maximum === 0 ? OutgoingTopicAliases.upTo(0) : new ImmediateTopicAliases(maximum);
}

/** Returns the packet without reason string and user properties, if it is of a type that a server may answer with. */
function bare(packet: Packet): Packet {
  switch (packet.type) {
    case "suback":
    case "unsuback":
      return { ...packet, properties: undefined };
    case "auth":
      return { ...packet, properties: { ...packet.properties, reasonString: undefined, userProperties: undefined } };
    default:
      return packet;
  }
}

/** Returns whether the packet can be encoded in at most `maximum` bytes. */
function fits(packet: Packet, maximum: number): boolean {
  try {
    return encode(packet, 5).length <= maximum;
  } catch {
    return false; // a property of the application is not valid
  }
}
