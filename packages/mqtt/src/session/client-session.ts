/**
 * The client's side of a session: the state that survives network connections, and the packets of each connection. It
 * does no I/O and reads no clock. Its owner passes in packets, the time, and connections that open and close. It writes
 * packets to the connection's outlet, and calls the connection's owner with the server's answers.
 */

import { willProblem } from "../codec/connect-coder.js";
import { forbidden } from "../codec/cursor.js";
import { encodeClientPacket, writeClientPacket } from "../codec/encode.js";
import type {
  AuthPacket,
  ConnackPacket,
  ConnectPacket,
  DisconnectPacket,
  Packet,
  ProtocolVersion,
  PublishPacket,
  SubscriptionRequest,
  Will,
} from "../codec/packets.js";
import { type ConnectProperties, withoutUndefined } from "../codec/properties.js";
import { type MqttError, UsageError } from "../errors.js";
import { RE_AUTHENTICATE, SUCCESS } from "../reason-code.js";
import { type FilterRequest, FilterRequests } from "./filter-requests.js";
import { IncomingTopicAliases } from "./incoming/incoming-topic-aliases.js";
import { type Delivery, MessageReceiver, type ReceiverLink } from "./incoming/message-receiver.js";
import type { SessionJournal } from "./journal/session-journal.js";
import { KeepAlive } from "./keep-alive.js";
import type { TakeOver } from "./late-connects.js";
import { AcknowledgementWatch } from "./outgoing/acknowledgement-watch.js";
import { MessageSender, type Outlet, type SenderLink } from "./outgoing/message-sender.js";
import { NOTHING_LOST, type OutboxBounds, type OutboxCounts } from "./outgoing/outbox.js";
import type { OutgoingMessage } from "./outgoing/outgoing-message.js";
import { OutgoingTopicAliases } from "./outgoing/outgoing-topic-aliases.js";
import { PacketIdentifiers } from "./packet-identifiers.js";
import { packetTooLarge, type ServerLimits, serverLimits } from "./server-limits.js";
import { SessionTrust } from "./session-trust.js";

/** Options of ClientSession, already checked. */
export interface ClientSessionOptions {
  /** The keep-alive in seconds, 0 … 65,535. */
  readonly keepAlive: number;
  readonly will: Will | undefined;
  readonly cleanStart: boolean;
  /** The properties of CONNECT on MQTT 5. */
  readonly properties: ConnectProperties;
  readonly outbox: OutboxBounds;
  /** The number of unacknowledged messages that the server accepts, if it is known from elsewhere than CONNACK. */
  readonly maximumInflight?: number | undefined;
  /**
   * Milliseconds that the server may leave a message unacknowledged while it sends other packets. Checked only with a
   * keep-alive. Default Infinity.
   */
  readonly acknowledgeTimeout?: number | undefined;
  /**
   * The number of unacknowledged messages to accept from a server that exceeds the receive maximum, as mosquitto 2.0.11
   * does after the first PUBACK. Default: the receive maximum.
   */
  readonly tolerated?: number | undefined;
  /** Returns the milliseconds by which `advance` may be called late now. Default 0. */
  readonly timerLateness?: (() => number) | undefined;
}

/** The fields of CONNECT that differ between attempts. */
export interface ConnectFields {
  readonly version: ProtocolVersion;
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
  /** MQTT 5: starts an enhanced authentication. */
  readonly authentication?: { readonly method: string; readonly data: Uint8Array | undefined } | undefined;
}

/** One connection to a server, as the session uses it: the output, and callbacks for what the server sends. */
export interface ServerLink {
  /** The output of the connection. */
  readonly outlet: Outlet;
  /**
   * CONNACK accepted the connection.
   *
   * @param resumed whether the server still has this session
   * @param certain false if the server may have lost the session meanwhile, and a late CONNECT of this client started
   * another: the subscriptions may then be missing
   */
  accepted(connack: ConnackPacket, resumed: boolean, certain: boolean): void;
  /** CONNACK refused the connection. */
  refused(connack: ConnackPacket): void;
  /**
   * MQTT 5: the server has a session that is not this client's. DISCONNECT, which ends that session, is written. Close
   * the connection and open another one.
   */
  foreign(): void;
  /** MQTT 5: the server sent AUTH. */
  authentication(packet: AuthPacket): void;
  /** MQTT 5: the server sent DISCONNECT. */
  disconnected(packet: DisconnectPacket): void;
}

/** The state of the session's connection. */
type Link =
  | { at: "offline" }
  | { at: "connecting"; server: ServerLink; outlet: Outlet; version: ProtocolVersion; cleanStart: boolean }
  | Online;

const OFFLINE = { at: "offline" } as const;

/** What the sender, the receiver and the requests also need of a connection. */
interface Online extends SenderLink, ReceiverLink {
  readonly at: "online";
  readonly server: ServerLink;
  readonly limits: ServerLimits;
  readonly keepAlive: KeepAlive;
  /** Whether the owner knows of the connection. Only then are waiting messages sent. */
  ready: boolean;
}

/** The client's side of a session, without I/O and without a clock. */
export class ClientSession {
  private readonly identifiers = new PacketIdentifiers();
  /** Created when needed, like the next two: in a process with thousands of clients, many need only one of them. */
  private sender: MessageSender | undefined;
  private receiver: MessageReceiver | undefined;
  private requests: FilterRequests | undefined;
  private acknowledgements: AcknowledgementWatch | undefined;
  private readonly topicAliases: IncomingTopicAliases;
  private link: Link = OFFLINE;
  /**
   * The method in CONNECT, whether an authentication over the open connection is in progress, and whether the server
   * waits for an answer of this client [MQTT5 4.12].
   */
  private authentication: { readonly method: string; again: boolean; asked: boolean } | undefined;
  private readonly trust: SessionTrust;

  /**
   * @param onMessage called with each message for the application, which calls `finished(delivery)` when it has
   * finished. QoS 0 messages have no delivery
   */
  constructor(
    private readonly options: ClientSessionOptions,
    private readonly onMessage: (packet: PublishPacket, delivery: Delivery | undefined) => void,
    private readonly journal: SessionJournal | undefined,
  ) {
    this.topicAliases = new IncomingTopicAliases(options.properties.topicAliasMaximum ?? 0);
    this.trust = new SessionTrust(options);
  }

  /** The number of messages whose outcome is not known. */
  get pending(): number {
    return this.sender?.pending ?? 0;
  }

  /** Counts of messages that the outbox refused, dropped, replaced or let expire. */
  get outboxCounts(): OutboxCounts {
    return this.sender?.outboxCounts ?? NOTHING_LOST;
  }

  /** The number of messages that were accepted beyond the receive maximum. */
  get beyondReceiveMaximum(): number {
    return this.receiver?.beyondMaximum ?? 0;
  }

  /** Whether a server's answer to a message or a request is pending. */
  get awaitsServer(): boolean {
    return this.pending > 0 || (this.requests !== undefined && this.requests.pending > 0);
  }

  /** Whether a server has accepted the current connection. */
  get isOnline(): boolean {
    return this.link.at === "online";
  }

  /** Whether a message seems to be the reason why connections are lost. */
  get suspectsMessage(): boolean {
    return this.sender?.suspectsMessage ?? false;
  }

  /** The limits of the server. Undefined while offline. */
  get limits(): ServerLimits | undefined {
    return this.link.at === "online" ? this.link.limits : undefined;
  }

  /** Restores what an earlier process left in the store. */
  restore(messages: readonly OutgoingMessage[], incoming: readonly number[]): void {
    this.sending.restore(messages);
    this.receiving.restore(incoming);
    if (messages.length > 0 || incoming.length > 0) this.trust.restore();
  }

  /**
   * Sends CONNECT over a new network connection.
   *
   * @throws UsageError if this version of the protocol cannot express an option
   */
  connectionOpened(server: ServerLink, attempt: ConnectFields, now: number): void {
    const { version } = attempt;
    const { outlet } = server;
    const problem = willProblem(version, this.options.will);
    if (problem) throw new UsageError("PAYLOAD_INVALID", `will payload: ${problem}`);
    const cleanStart = this.trust.connecting(version, now);
    this.topicAliases.clear();
    const properties = version === 5 ? connectProperties(this.options.properties, attempt) : undefined;
    const method = properties?.authenticationMethod;
    this.authentication = method === undefined ? undefined : { method, again: false, asked: false };
    this.link = { at: "connecting", server, outlet, version, cleanStart };
    const connect: ConnectPacket = {
      type: "connect",
      protocolVersion: version,
      clientId: attempt.clientId,
      cleanStart,
      keepAlive: this.options.keepAlive,
      will: this.options.will,
      username: attempt.username,
      password: attempt.password,
      properties,
    };
    outlet.out.append(encodeClientPacket(connect, version)); // a connection that stays idle needs no buffer of its own
    outlet.touch();
  }

  /**
   * Reports that the network connection is lost. Unacknowledged messages wait for the next one.
   *
   * @param error the reason, if this side did not end the connection
   */
  connectionLost(now: number, error?: MqttError): void {
    this.trust.connectionLost(this.link.at === "online", now);
    this.link = OFFLINE;
    this.sender?.lost(error);
    this.receiver?.lost();
    this.requests?.lost();
  }

  /** Handles a packet of the server. @throws ProtocolError if the server must not send it, or not now */
  receive(packet: Packet, now: number): void {
    const { link } = this;
    if (link.at === "connecting") {
      this.receiveFirst(link, packet, now);
      return;
    }
    if (link.at === "offline") return;
    if (packet.type !== "suback" && packet.type !== "unsuback") this.requests?.hear();
    switch (packet.type) {
      case "publish":
        this.receivePublish(link.version, packet);
        break;
      case "puback":
        this.sender?.puback(packet, now);
        this.requests?.sendWaiting(now); // an identifier may be free again
        break;
      case "pubrec":
        this.sending.pubrec(packet, now);
        this.requests?.sendWaiting(now);
        break;
      case "pubrel":
        this.receiving.pubrel(packet);
        break;
      case "pubcomp":
        this.sender?.pubcomp(packet, now);
        this.requests?.sendWaiting(now);
        break;
      case "suback":
      case "unsuback":
        this.requests?.acknowledged(packet, now);
        this.sender?.pump(now); // an identifier is free again
        break;
      case "pingresp":
        this.acknowledgements?.heard();
        this.sender?.pinged(now);
        break;
      case "disconnect":
        this.receiveDisconnect(link, packet);
        break;
      case "auth":
        this.receiveAuth(link.server, packet, this.authentication?.again ?? false);
        break;
      default:
        throw forbidden(`${packet.type}: a server must not send it${packet.type === "connack" ? " twice" : ""}`);
    }
  }

  /** Sends a message, or queues it until it may be sent. */
  publish(message: OutgoingMessage, now: number): void {
    this.sending.publish(message, now, this.isOnline);
  }

  /** Sends a QoS 0 message immediately, if that is possible: see `MessageSender.sendAtOnce`. */
  sendAtOnce(
    topic: string,
    payload: Uint8Array | string,
    retain: boolean,
    newGroup: (topic: string) => OutgoingMessage,
  ): OutgoingMessage | undefined {
    return this.sending.sendAtOnce(topic, payload, retain, newGroup);
  }

  /** Fails expired messages of the queue. Returns when the next one expires. Infinity if never. */
  expire(now: number): number {
    return this.sender?.expire(now) ?? Infinity;
  }

  /** Cancels a queued message. Returns false if it was sent already. */
  withdraw(message: OutgoingMessage, error: MqttError): boolean {
    return this.sending.withdraw(message, error);
  }

  /** Returns when a queued message expires. Infinity if never. */
  waitsUntil(message: OutgoingMessage): number {
    return this.sending.waitsUntil(message);
  }

  /** Fails messages that the store did not write. */
  refuseUnstored(messages: readonly OutgoingMessage[], error: MqttError): void {
    this.sender?.refuseUnstored(messages, error);
  }

  /** Sends the request now, or on the next connection. */
  request(request: FilterRequest, now: number): void {
    if (request.type === "subscribe" && request.subscriptions.some(isQoS2)) this.journal?.incoming.want();
    if (this.requests === undefined) {
      this.requests = new FilterRequests(this.identifiers);
      if (this.link.at === "online" && this.link.ready) this.requests.opened(this.link, now);
    }
    this.requests.request(request, now);
  }

  /** Cancels a request. Its answer, if one arrives, is ignored. */
  withdrawRequest(request: FilterRequest, error: MqttError, now: number): void {
    this.requests?.withdraw(request, error, now);
  }

  /** Reports that the application has finished with a message, so that it is acknowledged. */
  finished(delivery: Delivery, reasonCode = 0): void {
    this.receiver?.finished(delivery, reasonCode);
  }

  /** Leaves a message unacknowledged, so that the server redelivers it on a later connection. */
  withheld(delivery: Delivery): void {
    this.receiver?.withheld(delivery);
  }

  /** Whether a message that the application did not see must be acknowledged on this connection. */
  returned(delivery: Delivery): boolean {
    return this.receiver?.returned(delivery) ?? false;
  }

  /** Reports that the bytes of this tick were given to the transport. */
  flushed(now: number): void {
    if (this.link.at === "online") this.link.keepAlive.sent(now);
    this.sender?.flushed();
  }

  /** Reports that this number of bytes was given to the transport. */
  handed(bytes: number): void {
    if (this.link.at === "online") this.link.keepAlive.handed(bytes);
  }

  /** Reports that bytes of the server arrived, which proves that it is alive. */
  bytesReceived(now: number): void {
    if (this.link.at === "online") this.link.keepAlive.received(now);
  }

  /** Reports that the transport has room again. */
  drained(now: number): void {
    this.sender?.pump(now);
  }

  /** Reports whether back-pressure stopped reading. A silent server does not count as dead then. */
  setDeaf(deaf: boolean, now: number): void {
    if (this.link.at === "online") this.link.keepAlive.setDeaf(deaf, now);
  }

  /** Returns when `advance` must be called next. Infinity if never. */
  deadline(): number {
    if (this.link.at !== "online") return Infinity;
    return Math.min(this.link.keepAlive.deadline(), this.requests?.answerDue ?? Infinity);
  }

  /**
   * Advances the time. Returns "dead" if the server was silent for too long, and "unanswered" if it did not answer a
   * SUBSCRIBE or UNSUBSCRIBE. Returns the message if it did not acknowledge one in time.
   *
   * @param unsent bytes that the transport accepted and has not sent
   */
  advance(now: number, unsent = 0): "alive" | "dead" | "unanswered" | OutgoingMessage {
    if (this.link.at !== "online") return "alive";
    const due = this.link.keepAlive.advance(now, unsent);
    if (due === "dead") return "dead";
    if (this.requests !== undefined && now >= this.requests.answerDue) {
      this.requests.suspect();
      return "unanswered";
    }
    const overdue = this.overdue(now);
    if (overdue !== undefined) return overdue;
    if (due === "ping") {
      this.link.outlet.out.append(encodeClientPacket({ type: "pingreq" }, this.link.version));
      this.link.outlet.touch();
    }
    return "alive";
  }

  /** Sends DISCONNECT, if there is a connection. Before MQTT 5 it has no fields. */
  sayDisconnect(packet: Omit<DisconnectPacket, "type">): void {
    const { link } = this;
    if (link.at === "offline") return;
    if (link.version === 5) link.outlet.out.append(farewell(packet, this.limits?.maximumPacketSize ?? Infinity));
    else if (link.at === "online" && packet.reasonCode === 0) {
      writeClientPacket(link.outlet.out, { type: "disconnect", reasonCode: 0 }, link.version);
    }
    link.outlet.touch();
  }

  /**
   * MQTT 5: continues an authentication, or starts another on the open connection. Does nothing if CONNECT had no
   * method [MQTT5-4.12.0-7].
   *
   * @throws RefusedError if the packet is longer than the server accepts
   */
  sayAuth(reasonCode: number, authenticationData: Uint8Array | undefined): void {
    const { link, authentication } = this;
    if (link.at === "offline" || link.version !== 5 || authentication === undefined) return;
    const properties = withoutUndefined({ authenticationMethod: authentication.method, authenticationData });
    const bytes = encodeClientPacket({ type: "auth", reasonCode, properties }, 5);
    const maximum = this.limits?.maximumPacketSize ?? Infinity;
    if (bytes.length > maximum) throw packetTooLarge(maximum, "AUTH with its authenticationData");
    if (reasonCode === RE_AUTHENTICATE) authentication.again = true;
    authentication.asked = false;
    link.outlet.out.append(bytes);
    link.outlet.touch();
  }

  /** Returns who took over the session. Call it once for each take-over that the server reports. */
  takenOver(now: number): TakeOver {
    return this.trust.takenOver(now);
  }

  /**
   * Fails everything that has no outcome yet.
   *
   * @param error creates the error; `kept` is true if the store has the message
   */
  abandon(error: (what: string, kept: boolean) => MqttError): void {
    this.sender?.abandon((message) => error(`the message for "${message.topic}"`, message.stored));
    this.requests?.abandon((what) => error(what, false));
  }

  private receiveFirst(link: Extract<Link, { at: "connecting" }>, packet: Packet, now: number): void {
    if (packet.type === "auth") {
      this.receiveAuth(link.server, packet, false);
      return;
    }
    if (packet.type !== "connack")
      throw forbidden(`${packet.type}: the server's first packet must be CONNACK [MQTT-3.2.0-1]`);
    this.trust.answered();
    if (packet.reasonCode !== 0) {
      link.server.refused(packet);
      return;
    }
    this.checkMethod("connack", packet.properties?.authenticationMethod);
    if (packet.sessionPresent && link.cleanStart) {
      throw forbidden("connack: sessionPresent must be 0 after a clean start [MQTT-3.2.2-2]");
    }
    const { foreign, resumed, certain, outdated } = this.trust.believe(packet, link.version, link.cleanStart, now);
    if (foreign) {
      this.sayDisconnect({ reasonCode: 0, properties: { sessionExpiryInterval: 0 } });
      link.server.foreign();
      return;
    }
    const limits = serverLimits(packet, link.version, this.options.maximumInflight);
    const { timerLateness } = this.options;
    const keepAlive = new KeepAlive(packet.properties?.serverKeepAlive ?? this.options.keepAlive, now, timerLateness);
    const { server, outlet, version } = link;
    // Before MQTT 5 the client cannot announce a receive maximum.
    const receiveMaximum = (version === 5 ? this.options.properties.receiveMaximum : undefined) ?? 65_535;
    const online: Online = {
      at: "online",
      server,
      outlet,
      version,
      receiveMaximum,
      tolerated: Math.max(receiveMaximum, this.options.tolerated ?? 0),
      limits,
      topicAliases: OutgoingTopicAliases.upTo(limits.topicAliasMaximum),
      keepAlive,
      ready: false,
    };
    this.link = online;
    this.acknowledgements?.clear();
    this.receiver?.opened(online, resumed, certain);
    this.journal?.incoming.sessionOpened(resumed, now);
    server.accepted(packet, resumed, certain);
    if (this.link !== online) return;
    online.ready = true;
    this.requests?.opened(online, now);
    this.sender?.opened(online, resumed && !outdated, this.trust.isInherited, now);
  }

  private overdue(now: number): OutgoingMessage | undefined {
    const { sender, options } = this;
    if (sender === undefined) return undefined;
    this.acknowledgements ??= new AcknowledgementWatch(options.acknowledgeTimeout ?? Infinity);
    return this.acknowledgements.look(sender, now);
  }

  private get sending(): MessageSender {
    if (this.sender === undefined) {
      this.sender = new MessageSender(this.identifiers, this.options.outbox, this.journal, true);
      if (this.link.at === "online" && this.link.ready) this.sender.opened(this.link, true, this.trust.isInherited, 0);
    }
    return this.sender;
  }

  private get receiving(): MessageReceiver {
    if (this.receiver === undefined) {
      this.receiver = new MessageReceiver(this.journal);
      if (this.link.at === "online") this.receiver.opened(this.link, true, true);
    }
    return this.receiver;
  }

  /** @param again whether a reauthentication may succeed now. The first authentication succeeds with CONNACK instead */
  private receiveAuth(server: ServerLink, packet: AuthPacket, again: boolean): void {
    const { reasonCode } = packet;
    const { authentication } = this;
    if (authentication === undefined) {
      throw forbidden("auth: not allowed, because CONNECT had no authenticationMethod [MQTT5-4.12.0-6]");
    }
    this.checkMethod("auth", packet.properties?.authenticationMethod);
    // Each AUTH calls the application. If the server did not wait for the answer, any number of calls could run
    // concurrently.
    if (authentication.asked)
      throw forbidden("auth: the server must wait for the answer to its previous AUTH [MQTT5 4.12]");
    const online = this.link.at === "online";
    if (reasonCode === RE_AUTHENTICATE || (online && !again) || (reasonCode === SUCCESS && !again)) {
      throw forbidden(`auth: reason code ${reasonCode} is not expected now [MQTT5-4.12.0-2]`);
    }
    if (reasonCode === SUCCESS) authentication.again = false;
    else authentication.asked = true;
    server.authentication(packet);
  }

  private checkMethod(type: string, method: string | undefined): void {
    const said = this.authentication?.method;
    if (method === said) return;
    throw forbidden(`${type}: authenticationMethod "${method}" differs from "${said}" in CONNECT [MQTT5-4.12.0-5]`);
  }

  private receivePublish(version: ProtocolVersion, packet: PublishPacket): void {
    const resolved = version === 5 ? this.topicAliases.resolve(packet) : packet;
    if (resolved.qos === 0) {
      this.onMessage(resolved, undefined);
      return;
    }
    const delivery = this.receiving.publish(resolved);
    if (delivery !== undefined) this.onMessage(resolved, delivery);
  }

  private receiveDisconnect({ server, version }: Online, packet: DisconnectPacket): void {
    if (version !== 5) throw forbidden("disconnect: a server must not send it before MQTT 5 [MQTT-3.14.0-1]");
    if (packet.properties?.sessionExpiryInterval !== undefined) {
      throw forbidden("disconnect: a server must not send a sessionExpiryInterval [MQTT5-3.14.2-2]");
    }
    server.disconnected(packet);
  }
}

function isQoS2({ qos }: SubscriptionRequest): boolean {
  return qos === 2;
}

/**
 * Encodes DISCONNECT. Omits properties that would make it longer than the server accepts [MQTT5-3.14.2-3, 3.14.2-4].
 * Returns no bytes if it is too long without them.
 */
function farewell(packet: Omit<DisconnectPacket, "type">, maximumPacketSize: number): Uint8Array {
  const { reasonCode, properties } = packet;
  const { reasonString: _words, userProperties: _pairs, ...needed } = properties ?? {};
  for (const form of [packet, { reasonCode, properties: needed }, { reasonCode }]) {
    const bytes = encodeClientPacket({ type: "disconnect", ...form }, 5);
    if (bytes.length <= maximumPacketSize) return bytes;
  }
  return new Uint8Array(0);
}

function connectProperties(properties: ConnectProperties, attempt: ConnectFields): ConnectProperties {
  const { authentication } = attempt;
  if (authentication === undefined) return properties;
  const { method: authenticationMethod, data: authenticationData } = authentication;
  return { ...properties, ...withoutUndefined({ authenticationMethod, authenticationData }) };
}
