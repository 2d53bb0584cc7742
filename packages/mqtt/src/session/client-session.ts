/**
 * The client's side of a session: what outlives network connections, and what is said over one. It does no I/O and reads
 * no clock: it is told of packets, of the time, and of connections that open and go; it writes packets to the outlet it
 * was given, and says through `ClientSessionEvents` what happened.
 */

import { forbidden } from "../codec/cursor.js";
import { encode, writePacket } from "../codec/encode.js";
import type {
  AuthPacket,
  ConnackPacket,
  DisconnectPacket,
  Packet,
  ProtocolVersion,
  PublishPacket,
  SubackPacket,
  SubscribePacket,
  SubscriptionRequest,
  UnsubackPacket,
  UnsubscribePacket,
  Will,
} from "../codec/packets.js";
import type { ConnectProperties, SubscribeProperties, UnsubscribeProperties } from "../codec/properties.js";
import { type MqttError, type RefusedError, UsageError } from "../errors.js";
import { IncomingTopicAliases } from "./incoming-topic-aliases.js";
import { KeepAlive } from "./keep-alive.js";
import { type Delivery, MessageReceiver } from "./message-receiver.js";
import { MessageSender, type OutboxBounds, type Outlet } from "./message-sender.js";
import type { OutgoingMessage } from "./outgoing-message.js";
import { PacketIdentifiers } from "./packet-identifiers.js";
import {
  identifierRefusal,
  packetTooLarge,
  publishRefusal,
  type ServerLimits,
  serverLimits,
  subscriptionRefusal,
} from "./server-limits.js";
import type { SessionJournal } from "./session-journal.js";

export interface ClientSessionOptions {
  /** Seconds. */
  readonly keepAlive: number;
  readonly will: Will | undefined;
  readonly cleanStart: boolean;
  /** For CONNECT on MQTT 5. */
  readonly properties: ConnectProperties;
  readonly outbox: OutboxBounds;
}

/** What differs from one attempt to the next. */
export interface Attempt {
  readonly version: ProtocolVersion;
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
}

export interface ClientSessionEvents {
  /** CONNACK accepted. */
  accepted(connack: ConnackPacket, resumed: boolean): void;
  /** CONNACK refused. */
  refused(connack: ConnackPacket): void;
  /** A message for the application, which calls `finished(delivery)` when it is done; QoS 0 has no delivery. */
  message(packet: PublishPacket, delivery: Delivery | undefined): void;
  authentication(packet: AuthPacket): void;
  /** MQTT 5: the server says goodbye. */
  disconnected(packet: DisconnectPacket): void;
}

/** A SUBSCRIBE or UNSUBSCRIBE from the call until its acknowledgement. */
abstract class FilterRequest {
  packetIdentifier = 0;
  /** Called once with the reason codes, one a filter, or `failed` is. */
  abstract acknowledged(packet: SubackPacket | UnsubackPacket): void;
  abstract failed(error: MqttError): void;
}

export abstract class SubscribeRequest extends FilterRequest {
  /**
   * Filters that were not even sent, because the server had said that it does not take such; by their place. In what
   * `acknowledged` is given, they have the reason code that the server would have used.
   */
  refusals: ReadonlyMap<number, RefusedError> = new Map();

  constructor(
    readonly subscriptions: readonly SubscriptionRequest[],
    readonly properties: SubscribeProperties | undefined,
    /** The subscription identifier to use if the server offers them and `properties` has none; 0 for none. */
    readonly identifier: number,
  ) {
    super();
  }
}

export abstract class UnsubscribeRequest extends FilterRequest {
  constructor(
    readonly topicFilters: readonly string[],
    readonly properties: UnsubscribeProperties | undefined,
  ) {
    super();
  }
}

type Request = SubscribeRequest | UnsubscribeRequest;

/** Where the session stands to the network. */
type Link =
  | { at: "offline" }
  | { at: "connecting"; outlet: Outlet; version: ProtocolVersion; cleanStart: boolean }
  | { at: "online"; outlet: Outlet; version: ProtocolVersion; limits: ServerLimits; keepAlive: KeepAlive };

export class ClientSession {
  private readonly identifiers = new PacketIdentifiers();
  private readonly sender: MessageSender;
  private readonly receiver: MessageReceiver;
  private readonly requests = new Map<number, Request>();
  /** Identifiers of requests that were given up: in use until their answers come, which are ignored. */
  private readonly withdrawn = new Set<number>();
  private waiting: Request[] = [];
  private readonly topicAliases: IncomingTopicAliases;
  private link: Link = { at: "offline" };
  /** Whether the server may hold this session, so that asking for a clean start would lose it. */
  private established = false;

  constructor(
    private readonly options: ClientSessionOptions,
    private readonly events: ClientSessionEvents,
    journal: SessionJournal | undefined,
  ) {
    this.topicAliases = new IncomingTopicAliases(options.properties.topicAliasMaximum ?? 0);
    this.sender = new MessageSender(this.identifiers, options.outbox, journal);
    this.receiver = new MessageReceiver(journal);
  }

  /** Messages whose outcome is not known. */
  get pending(): number {
    return this.sender.pending;
  }

  get isOnline(): boolean {
    return this.link.at === "online";
  }

  /** What the server takes; undefined while offline. */
  get limits(): ServerLimits | undefined {
    return this.link.at === "online" ? this.link.limits : undefined;
  }

  /** Puts back what an earlier process left in the store. */
  restore(messages: readonly OutgoingMessage[], incoming: readonly number[]): void {
    this.sender.restore(messages);
    this.receiver.restore(incoming);
    if (messages.length > 0 || incoming.length > 0) this.established = true;
  }

  /** A network connection is there: says CONNECT. */
  connectionOpened(outlet: Outlet, attempt: Attempt): void {
    const { version } = attempt;
    const cleanStart = this.options.cleanStart && !(this.established && version === 5);
    this.topicAliases.clear();
    this.link = { at: "connecting", outlet, version, cleanStart };
    writePacket(
      outlet.out,
      {
        type: "connect",
        protocolVersion: version,
        clientId: attempt.clientId,
        cleanStart,
        keepAlive: this.options.keepAlive,
        will: this.options.will,
        username: attempt.username,
        password: attempt.password,
        properties: version === 5 ? this.options.properties : undefined,
      },
      version,
    );
    outlet.touch();
  }

  /** The network connection is gone. What waits for an acknowledgement waits for the next one. */
  connectionLost(): void {
    this.link = { at: "offline" };
    this.sender.lost();
    this.receiver.lost();
    const unanswered = [...this.requests.values()];
    for (const identifier of this.requests.keys()) this.identifiers.release(identifier);
    for (const identifier of this.withdrawn) this.identifiers.release(identifier);
    this.requests.clear();
    this.withdrawn.clear();
    this.waiting = [...unanswered, ...this.waiting];
  }

  /** @throws ProtocolError if the server must not send this packet, or not now */
  receive(packet: Packet, now: number): void {
    const { link } = this;
    if (link.at === "connecting") {
      this.receiveFirst(link, packet, now);
      return;
    }
    if (link.at === "offline") return;
    switch (packet.type) {
      case "publish":
        this.receivePublish(link.version, packet);
        break;
      case "puback":
        this.sender.puback(packet, now);
        this.sendWaiting(); // an identifier may be free again
        break;
      case "pubrec":
        this.sender.pubrec(packet, now);
        this.sendWaiting();
        break;
      case "pubrel":
        this.receiver.pubrel(packet);
        break;
      case "pubcomp":
        this.sender.pubcomp(packet, now);
        this.sendWaiting();
        break;
      case "suback":
      case "unsuback":
        this.receiveAcknowledgement(packet);
        this.sendWaiting();
        this.sender.pump(now);
        break;
      case "pingresp":
        break;
      case "disconnect":
        this.receiveDisconnect(link.version, packet);
        break;
      case "auth":
        this.events.authentication(packet);
        break;
      default:
        throw forbidden(`${packet.type}: a server must not send it${packet.type === "connack" ? " twice" : ""}`);
    }
  }

  publish(message: OutgoingMessage, now: number): void {
    this.sender.publish(message, now);
  }

  /** Gives up a message that is still queued. False if it is on its way. */
  withdraw(message: OutgoingMessage, error: MqttError): boolean {
    return this.sender.withdraw(message, error);
  }

  /** Sends the request now, or when there is a connection. */
  request(request: Request): void {
    if (this.link.at === "online") this.sendRequest(this.link, request);
    else this.waiting.push(request);
  }

  /** Gives up a request. Its answer, if one comes, is ignored. */
  withdrawRequest(request: Request, error: MqttError): void {
    const { packetIdentifier } = request;
    const at = this.waiting.indexOf(request);
    if (at >= 0) {
      this.waiting.splice(at, 1);
    } else if (this.requests.get(packetIdentifier) === request) {
      this.requests.delete(packetIdentifier);
      this.withdrawn.add(packetIdentifier);
    } else {
      return; // it has had its answer
    }
    request.failed(error);
  }

  /** The application has finished with a message: its acknowledgement may go. */
  finished(delivery: Delivery, reasonCode = 0): void {
    this.receiver.finished(delivery, reasonCode);
  }

  /** The tick's bytes are with the transport. */
  flushed(now: number): void {
    if (this.link.at === "online") this.link.keepAlive.sent(now);
    this.sender.flushed();
  }

  bytesReceived(now: number): void {
    if (this.link.at === "online") this.link.keepAlive.received(now);
  }

  /** The transport has room again. */
  drained(now: number): void {
    this.sender.pump(now);
  }

  /** Reading was stopped or taken up again by back-pressure: silence of the server means nothing meanwhile. */
  setDeaf(deaf: boolean, now: number): void {
    if (this.link.at === "online") this.link.keepAlive.setDeaf(deaf, now);
  }

  /** When `advance` is needed next; Infinity if never. */
  deadline(): number {
    return this.link.at === "online" ? this.link.keepAlive.deadline() : Infinity;
  }

  /** Lets time pass. "dead": the server has been silent too long. */
  advance(now: number): "alive" | "dead" {
    if (this.link.at !== "online") return "alive";
    const due = this.link.keepAlive.advance(now);
    if (due === "dead") return "dead";
    if (due === "ping") {
      writePacket(this.link.outlet.out, { type: "pingreq" }, this.link.version);
      this.link.outlet.touch();
    }
    return "alive";
  }

  /** Says DISCONNECT, if there is a connection to say it over. Before MQTT 5 it carries nothing. */
  sayDisconnect(packet: Omit<DisconnectPacket, "type">): void {
    const { link } = this;
    if (link.at === "offline") return;
    if (link.version === 5) writePacket(link.outlet.out, { type: "disconnect", ...packet }, 5);
    else if (link.at === "online" && packet.reasonCode === 0) {
      writePacket(link.outlet.out, { type: "disconnect", reasonCode: 0 }, link.version);
    }
    link.outlet.touch();
  }

  /** Fails everything that has no outcome yet. */
  abandon(error: (what: string) => MqttError): void {
    this.sender.abandon((message) => error(`the message for "${message.topic}"`));
    const requests = [...this.requests.values(), ...this.waiting];
    for (const identifier of this.requests.keys()) this.withdrawn.add(identifier);
    this.requests.clear();
    this.waiting = [];
    for (const request of requests) request.failed(error(describe(request)));
  }

  private receiveFirst(link: Extract<Link, { at: "connecting" }>, packet: Packet, now: number): void {
    if (packet.type === "auth" && link.version === 5) {
      this.events.authentication(packet);
      return;
    }
    if (packet.type !== "connack")
      throw forbidden(`${packet.type}: the server's first packet must be CONNACK [MQTT-3.2.0-1]`);
    if (packet.reasonCode !== 0) {
      this.events.refused(packet);
      return;
    }
    if (packet.sessionPresent && link.cleanStart) {
      throw forbidden("connack: sessionPresent after a clean start [MQTT-3.2.2-2]");
    }
    // 3.1 does not say whether a session is present: without a clean session it is taken to be [MQTT31-18].
    const resumed = link.version === 3 ? !link.cleanStart : packet.sessionPresent;
    const limits = serverLimits(packet, link.version);
    const keepAlive = new KeepAlive(packet.properties?.serverKeepAlive ?? this.options.keepAlive, now);
    const { outlet, version } = link;
    this.link = { at: "online", outlet, version, limits, keepAlive };
    this.established = true;
    // Before MQTT 5 the server was told of no receive maximum.
    const announced = (version === 5 ? this.options.properties.receiveMaximum : undefined) ?? 65_535;
    this.receiver.opened({ outlet, version, receiveMaximum: announced }, resumed);
    this.events.accepted(packet, resumed);
    if (this.link.at !== "online") return;
    this.sendWaiting();
    const { receiveMaximum, maximumPacketSize } = limits;
    this.sender.opened(
      { outlet, version, receiveMaximum, maximumPacketSize, refuse: (message) => publishRefusal(limits, message) },
      resumed,
      now,
    );
  }

  private receivePublish(version: ProtocolVersion, packet: PublishPacket): void {
    const resolved = version === 5 ? this.topicAliases.resolve(packet) : packet;
    if (resolved.qos === 0) {
      this.events.message(resolved, undefined);
      return;
    }
    const delivery = this.receiver.publish(resolved);
    if (delivery !== undefined) this.events.message(resolved, delivery);
  }

  private receiveAcknowledgement(packet: SubackPacket | UnsubackPacket): void {
    const request = this.requests.get(packet.packetIdentifier);
    if (request === undefined) {
      if (this.withdrawn.delete(packet.packetIdentifier)) this.identifiers.release(packet.packetIdentifier);
      return;
    }
    const subscribing = request instanceof SubscribeRequest;
    if (subscribing !== (packet.type === "suback")) {
      throw forbidden(`${packet.type}: packetIdentifier ${packet.packetIdentifier} belongs to another request`);
    }
    const sent = request instanceof SubscribeRequest ? sentBy(request).length : request.topicFilters.length;
    const got = packet.reasonCodes.length;
    if (got !== sent && (subscribing || got > 0)) {
      throw forbidden(`${packet.type}: ${got} reason codes for ${sent} topic filters [MQTT-3.9.3-1]`);
    }
    this.requests.delete(packet.packetIdentifier);
    this.identifiers.release(packet.packetIdentifier);
    if (request instanceof SubscribeRequest && packet.type === "suback")
      request.acknowledged(withRefusals(request, packet));
    else request.acknowledged(packet);
  }

  private sendWaiting(): void {
    if (this.waiting.length === 0) return;
    const waiting = this.waiting;
    this.waiting = [];
    for (const request of waiting) this.request(request);
  }

  private receiveDisconnect(version: ProtocolVersion, packet: DisconnectPacket): void {
    if (version !== 5) throw forbidden("disconnect: a server must not send it before MQTT 5 [MQTT-3.14.0-1]");
    if (packet.properties?.sessionExpiryInterval !== undefined) {
      throw forbidden("disconnect: a server must not send a sessionExpiryInterval [MQTT5-3.14.2-2]");
    }
    this.events.disconnected(packet);
  }

  private sendRequest(link: Extract<Link, { at: "online" }>, request: Request): void {
    if (request instanceof SubscribeRequest) {
      const refusal = this.refuseLocally(link, request);
      if (refusal !== undefined) {
        request.failed(refusal);
        return;
      }
    }
    const packetIdentifier = this.identifiers.take();
    if (packetIdentifier === 0) {
      this.waiting.push(request);
      return;
    }
    const encoded = encodeRequest(request, packetIdentifier, link.version, link.limits);
    if (encoded instanceof Uint8Array) {
      request.packetIdentifier = packetIdentifier;
      this.requests.set(packetIdentifier, request);
      link.outlet.out.append(encoded);
      link.outlet.touch();
    } else {
      this.identifiers.release(packetIdentifier);
      request.failed(encoded);
    }
  }

  /** Notes which filters the server would not take. Returns the reason if that is all of them. */
  private refuseLocally(link: Extract<Link, { at: "online" }>, request: SubscribeRequest): MqttError | undefined {
    const { limits, version } = link;
    const unavailable = version === 5 ? identifierRefusal(limits, request.properties) : undefined;
    if (unavailable !== undefined) return unavailable;
    const refusals = new Map<number, RefusedError>();
    request.subscriptions.forEach((subscription, i) => {
      const refusal = subscriptionRefusal(limits, subscription);
      if (refusal !== undefined) refusals.set(i, refusal);
    });
    request.refusals = refusals;
    return refusals.size === request.subscriptions.length ? refusals.get(0) : undefined;
  }
}

/** The part of a request that goes to the server. */
function sentBy(request: SubscribeRequest): readonly SubscriptionRequest[] {
  return request.refusals.size === 0
    ? request.subscriptions
    : request.subscriptions.filter((_, i) => !request.refusals.has(i));
}

function withRefusals(request: SubscribeRequest, packet: SubackPacket): SubackPacket {
  if (request.refusals.size === 0) return packet;
  const answers = packet.reasonCodes[Symbol.iterator]();
  const reasonCodes = request.subscriptions.map(
    (_, i) => request.refusals.get(i)?.reasonCode ?? (answers.next().value as number),
  );
  return { ...packet, reasonCodes };
}

/** The request's packet; or why it cannot be sent over a connection of this version, which nobody knew when it was made. */
function encodeRequest(
  request: Request,
  packetIdentifier: number,
  version: ProtocolVersion,
  limits: ServerLimits,
): Uint8Array | MqttError {
  const { maximumPacketSize } = limits;
  try {
    const bytes =
      request instanceof SubscribeRequest
        ? encode(subscribePacket(request, packetIdentifier, limits), version)
        : encode(unsubscribePacket(request, packetIdentifier), version);
    return bytes.length > maximumPacketSize ? packetTooLarge(maximumPacketSize, describe(request)) : bytes;
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
}

function subscribePacket(request: SubscribeRequest, packetIdentifier: number, limits: ServerLimits): SubscribePacket {
  const { properties, identifier } = request;
  const automatic = identifier > 0 && limits.subscriptionIdentifiersAvailable;
  return {
    type: "subscribe",
    packetIdentifier,
    subscriptions: sentBy(request),
    properties: automatic ? { subscriptionIdentifier: identifier, ...properties } : properties,
  };
}

function unsubscribePacket(request: UnsubscribeRequest, packetIdentifier: number): UnsubscribePacket {
  const { topicFilters, properties } = request;
  return { type: "unsubscribe", packetIdentifier, topicFilters, properties };
}

function describe(request: Request): string {
  return request instanceof SubscribeRequest
    ? `the subscription to "${request.subscriptions.map((each) => each.topicFilter).join('", "')}"`
    : `the unsubscription from "${request.topicFilters.join('", "')}"`;
}
