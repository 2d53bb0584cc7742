/**
 * A client's session, kept in memory over any number of connections: queued messages and unacknowledged messages.
 * Receives packets and the time. Knows of transports only where to write.
 */

import type { ConnackPacket, DisconnectPacket, PublishPacket, QoS } from "../codec/packets.js";
import type { AckProperties, ConnackProperties } from "../codec/properties.js";
import {
  type MqttError,
  type MqttErrorCode,
  OutboxError,
  RefusedError,
  TimeoutError,
  TransportError,
} from "../errors.js";
import {
  PACKET_IDENTIFIER_NOT_FOUND,
  PACKET_TOO_LARGE,
  QOS_NOT_SUPPORTED,
  RETAIN_NOT_SUPPORTED,
} from "../reason-code.js";
import { KeepAlive } from "../session/keep-alive.js";
import { Queue } from "../session/queue.js";
import { acknowledgement, PINGREQ, PUBREL } from "./client-packets.js";
import { type Delivery, IncomingMessages } from "./incoming-messages.js";
import type { ServerPacket } from "./packet-reader.js";
import { fault, refused } from "./reason-rules.js";
import type { SmallSettings } from "./small-options.js";

/** The server's answer to a message. */
interface Answer {
  readonly reasonCode: number;
  readonly properties?: AckProperties | undefined;
}

export interface Outgoing {
  /** Encodes the packet. @param secondsLeft the rest of its expiry interval */
  readonly packet: (packetIdentifier: number, dup: boolean, secondsLeft: number) => Uint8Array;
  /** The packet's size in bytes. */
  readonly size: number;
  readonly topic: string;
  readonly qos: QoS;
  readonly retain: boolean;
  /** When the message expires. */
  readonly expiresAt: number;
  /** 0 until the message is sent. */
  packetIdentifier: number;
  /** The received PUBREC, if any. PUBREL is sent from then on. */
  released?: Answer;
  /** When it was last sent, or put into the queue again. 0 until it is first sent. */
  sentAt: number;
  /** Called once. Undefined after that, and if the message was aborted before it was sent. */
  settle: ((error: MqttError | undefined, answer: Answer) => void) | undefined;
}

/** A SUBSCRIBE or UNSUBSCRIBE. */
export interface SmallRequest {
  readonly answer: "suback" | "unsuback";
  readonly topicFilters: readonly string[];
  sentAt: number;
  /** How many connections were lost before it was answered. */
  losses: number;
  /** @throws MqttError if this server does not support the request */
  packet(packetIdentifier: number, limits: ConnackProperties): Uint8Array;
  settle(error: MqttError | undefined, answer?: Extract<ServerPacket, { type: "suback" | "unsuback" }>): void;
}

/** What `SmallConnector` does for the session: writes to the connection, if there is one. */
export interface Wire {
  /** Whether packets that can wait should wait. */
  readonly congested: boolean;
  write(packet: Uint8Array): void;
  /**
   * Handles CONNACK or DISCONNECT. Returns whether the server resumed the session; undefined if the connection was
   * ended.
   */
  resumed(packet: ConnackPacket | DisconnectPacket): boolean | undefined;
}

export interface SmallSessionEvents {
  /** CONNACK has accepted; queued messages are sent after it. */
  accepted(packet: ConnackPacket): void;
  /** Pending requests have been sent. */
  connected(packet: ConnackPacket): void;
  message(packet: PublishPacket, delivery: Delivery | undefined): void;
  /** The number of messages that wait for the server, or for an outcome, has changed. */
  changed(): void;
}

interface Online {
  /** The limits that CONNACK announced. */
  readonly limits: ConnackProperties;
  readonly keepAlive: KeepAlive;
  /** How many unacknowledged QoS 1 and 2 messages the server accepts. */
  readonly receiveMaximum: number;
  /** How many of these it has now. */
  inflight: number;
}

/**
 * QoS 1 and 2 messages in flight to a server that cannot announce a limit. mosquitto drops messages above its own
 * limit.
 */
const MODEST = 20;
/** Milliseconds that a server may take to answer a message or a request. */
const PATIENCE = 300_000;
/** How many lost connections make a request fail, or a message that was sent alone. */
const MOST_LOSSES = 10;
/**
 * After this many lost connections in a row without an acknowledgement, messages in flight are resent one at a time.
 */
const SUSPICIOUS = 8;
/** Reason codes of DISCONNECT that blame a message. One of them is sufficient evidence. */
const NAMING = [0x87, 0x90, 0x95, 0x99, 0x9a, 0x9b];
const MOST_IDENTIFIERS = 65_535;
/** How many identifiers are cleared together. */
const BATCH = 64;
const REFUSAL = 0x80;
const SUCCESS: Answer = { reasonCode: 0 };

export class SmallSession {
  readonly incoming: IncomingMessages;
  /** The connector sets it before anything is sent. */
  wire!: Wire;
  readonly #settings: SmallSettings;
  readonly #events: SmallSessionEvents;
  #queue = new Queue<Outgoing>();
  #queuedBytes = 0;
  /** By packet identifier, in the order in which they were first sent. */
  readonly #inflight = new Map<number, Outgoing>();
  readonly #requests = new Map<number, SmallRequest>();
  /** QoS 0 messages that leave with the next flush. */
  readonly #leaving: Outgoing[] = [];
  #lastIdentifier = 0;
  /**
   * Whether the server's session began with this client, so that no earlier page has left an unreleased identifier in
   * it.
   */
  #begunHere = false;
  /** If it did not: the identifiers that PUBREL was sent for over this connection, and whether PUBCOMP was received. */
  #cleared!: Map<number, boolean>;
  /**
   * Evidence that the server closes connections because of a message in flight: the number of such connections in a
   * row. A DISCONNECT that blames a message counts as several.
   */
  #barren = 0;
  /** Set from CONNACK on. */
  #online: Online | undefined;

  constructor(settings: SmallSettings, events: SmallSessionEvents) {
    this.#settings = settings;
    this.#events = events;
    this.incoming = new IncomingMessages(settings.version, (packet) => this.wire.write(packet));
  }

  /** How many messages and requests are queued or not answered. */
  get awaited(): number {
    return this.#unanswered + this.#queue.length;
  }

  /** How many messages and requests have no outcome yet. */
  get pending(): number {
    return this.awaited + this.#leaving.length;
  }

  /** Called when the connection is lost. Unacknowledged messages wait for the next one. */
  lost(error: MqttError): void {
    const wasOnline = this.#online !== undefined;
    this.#online = undefined;
    this.incoming.lost();
    for (const message of this.#leaving.splice(0)) this.#lose(message, "CONNECTION_LOST", TransportError);
    if (!wasOnline) return;
    const [message] = this.#inflight.values();
    if (!message) this.#barren = 0;
    else if (error instanceof RefusedError) this.#barren += NAMING.includes(error.reasonCode) ? MOST_LOSSES : 1;
    else if (error instanceof TransportError) this.#barren++; // a timeout does not blame a message
    if (message && this.#barren >= SUSPICIOUS + MOST_LOSSES) {
      this.#lose(message, "PUBLISH_UNANSWERED", TransportError);
      this.#barren = SUSPICIOUS;
    }
    for (const [identifier, request] of this.#requests) {
      if (++request.losses < MOST_LOSSES) continue;
      this.#requests.delete(identifier);
      const code = `${request.answer === "suback" ? "" : "UN"}SUBSCRIBE_UNANSWERED` as const;
      request.settle(new TransportError(code, `topicFilters "${request.topicFilters}": ${code}`));
    }
  }

  /** @throws ProtocolError if the server must not send this packet, or must not send it now */
  receive(packet: ServerPacket, now: number): void {
    if (packet.type === "connack") {
      this.#connack(packet, now);
    } else if (packet.type === "publish") {
      const delivery = packet.qos > 0 ? this.incoming.publish(packet) : undefined;
      if (delivery || packet.qos === 0) this.#events.message(packet, delivery);
    } else if (packet.type === "pubrel") {
      this.incoming.pubrel(packet.packetIdentifier);
    } else if (packet.type === "suback" || packet.type === "unsuback") {
      this.#answered(packet);
    } else if (packet.type === "disconnect") {
      if (this.#settings.version < 5 || packet.properties?.sessionExpiryInterval !== undefined)
        throw fault("disconnect: not expected"); // [MQTT-3.14.0-1, MQTT5-3.14.2-2]
      this.wire.resumed(packet);
    } else if (packet.type !== "pingresp") {
      this.#acknowledged(packet, now);
    }
  }

  /** Sends the message, or queues it until it may be sent. */
  publish(message: Outgoing, now: number): void {
    const { maximumCount, maximumBytes } = this.#settings;
    const { size } = message;
    if (
      (this.#queue.length > 0 || !this.#maySend(message)) &&
      (this.#queue.length >= maximumCount || this.#queuedBytes + size > maximumBytes)
    ) {
      this.#lose(message, "OUTBOX_FULL", OutboxError);
    } else {
      this.#enqueue(message);
      this.#pump(now);
    }
  }

  /** Sends the request now, or at the next connection. */
  request(asked: Omit<SmallRequest, "sentAt" | "losses">, now: number): void {
    const request = { ...asked, sentAt: 0, losses: 0 };
    if (this.#unanswered >= MOST_IDENTIFIERS) {
      request.settle(new OutboxError("OUTBOX_FULL", "OUTBOX_FULL"));
      return;
    }
    const identifier = this.#identifier();
    this.#requests.set(identifier, request);
    if (this.#online) this.#ask(identifier, request, now);
  }

  received(now: number): void {
    this.#online?.keepAlive.received(now);
  }

  /** Called when reading stops or resumes. While reading is stopped, a silent server proves nothing. */
  setDeaf(deaf: boolean, now: number): void {
    this.#online?.keepAlive.setDeaf(deaf, now);
  }

  /** Called when the transport has taken what was written. */
  sent(now: number, bytes: number): void {
    this.#online?.keepAlive.sent(now);
    this.#online?.keepAlive.handed(bytes);
    for (const message of this.#leaving.splice(0)) this.#settle(message, undefined);
    this.#pump(now);
  }

  /** Returns when `advance` must be called next; Infinity if never. */
  deadline(): number {
    return this.#online ? Math.min(this.#online.keepAlive.deadline(), this.#answerDue()) : Infinity;
  }

  /** Advances the time. Returns an error if the connection is dead. */
  advance(now: number): TimeoutError | undefined {
    const due = this.#online?.keepAlive.advance(now);
    if (due === "dead") return new TimeoutError("KEEP_ALIVE_TIMEOUT", "no answer");
    if (due === "ping") this.wire.write(PINGREQ);
    if (now < this.#answerDue()) return undefined;
    return new TimeoutError("ANSWER_TIMEOUT", "no answer");
  }

  /** Fails all messages and requests that have no outcome yet. */
  close(error: MqttError): void {
    for (const message of [...this.#leaving.splice(0), ...this.#inflight.values(), ...this.#queue.drain()])
      this.#settle(message, error);
    for (const request of this.#requests.values()) request.settle(error);
    this.#inflight.clear();
    this.#requests.clear();
  }

  /** How many packet identifiers are in use. */
  get #unanswered(): number {
    return this.#inflight.size + this.#requests.size;
  }

  #connack(packet: ConnackPacket, now: number): void {
    const { sessionPresent, properties: limits = {} } = packet;
    const resumed = this.wire.resumed(packet);
    if (resumed === undefined) return;
    this.#begunHere = !sessionPresent || (this.#begunHere && resumed);
    this.#cleared = new Map();
    const { version, keepAlive, timerLateness } = this.#settings;
    const receiveMaximum = version === 5 ? (limits.receiveMaximum ?? MOST_IDENTIFIERS) : MODEST;
    this.#online = {
      limits,
      keepAlive: new KeepAlive(limits.serverKeepAlive ?? keepAlive, now, timerLateness),
      receiveMaximum,
      inflight: 0,
    };
    this.incoming.opened(sessionPresent);
    // Unacknowledged messages go before queued ones, if the server still knows them or they may be sent as new
    // messages.
    const waiting = this.#queue.drain().filter((each) => each.packetIdentifier === 0);
    const again = [...this.#inflight.values()];
    this.#queuedBytes = 0;
    for (const message of [...again, ...waiting]) {
      message.sentAt &&= now;
      this.#enqueue(message);
    }
    // Messages that are settled here are skipped in the queue.
    if (!resumed) {
      for (const message of again) {
        this.#forget(message);
        if (message.released) this.#settle(message, undefined, message.released);
        else if (message.qos === 2) this.#lose(message, "SESSION_LOST", OutboxError);
      }
    }
    const unanswered = [...this.#requests];
    for (const [, request] of unanswered) request.sentAt = now;
    this.#events.accepted(packet); // resubscribes before an UNSUBSCRIBE of the same filters; may close the client
    for (const [identifier, request] of unanswered) if (this.#online) this.#ask(identifier, request, now);
    if (this.#online) this.#events.connected(packet);
    this.#pump(now);
  }

  #acknowledged(packet: Extract<ServerPacket, { type: "puback" | "pubrec" | "pubcomp" }>, now: number): void {
    const { type, packetIdentifier, reasonCode } = packet;
    const message = this.#inflight.get(packetIdentifier);
    const taken = type === "pubrec" && reasonCode < REFUSAL;
    if (type === "pubcomp" && this.#cleared.get(packetIdentifier) === false) {
      this.#cleared.set(packetIdentifier, true);
      this.#pump(now);
      return;
    }
    if (message === undefined) {
      // The message belongs to a session that this client has dropped.
      if (taken) this.#release(packetIdentifier, this.#settings.version === 5 ? PACKET_IDENTIFIER_NOT_FOUND : 0);
      return;
    }
    const wanted = message.qos === 1 ? "puback" : message.released ? "pubcomp" : "pubrec";
    if (type !== wanted && !(taken && message.released)) throw fault(`${type}: not expected`);
    if (taken) {
      message.released = packet;
      this.#release(packetIdentifier, 0);
      return;
    }
    this.#forget(message);
    // If the session was lost, messages that were in flight are queued.
    const isSuspected = this.#inflight.size || this.#queue.peek()?.sentAt;
    this.#barren = this.#barren >= SUSPICIOUS && isSuspected ? SUSPICIOUS : 0;
    if (this.#online) this.#online.inflight--;
    // The outcome is that of PUBREC. "Packet Identifier not found" in PUBCOMP means that the server had finished with
    // the message before.
    const answer = message.released ?? packet;
    const what = `topic "${message.topic}"`;
    this.#settle(message, refused("PUBLISH_REFUSED", what, answer.reasonCode, answer.properties), answer);
    this.#pump(now);
  }

  #answered(packet: Extract<ServerPacket, { type: "suback" | "unsuback" }>): void {
    const { type, packetIdentifier, reasonCodes } = packet;
    const request = this.#requests.get(packetIdentifier);
    if (request === undefined) return;
    const { answer, topicFilters } = request;
    if (
      type !== answer ||
      (reasonCodes.length !== topicFilters.length && (type === "suback" || reasonCodes.length > 0))
    )
      throw fault(`${type}: not expected`); // [MQTT-3.9.3-1]
    this.#requests.delete(packetIdentifier);
    request.settle(undefined, packet);
    this.#events.changed();
  }

  #ask(identifier: number, request: SmallRequest, now: number): void {
    const { limits } = this.#online as Online;
    request.sentAt = now;
    try {
      const packet = request.packet(identifier, limits);
      const tooLarge = exceeds(limits, packet.length, "the request");
      if (tooLarge !== undefined) throw tooLarge;
      this.wire.write(packet);
    } catch (error) {
      this.#requests.delete(identifier);
      request.settle(error as MqttError);
    }
    this.#events.changed();
  }

  #enqueue(message: Outgoing): void {
    this.#queue.push(message);
    this.#queuedBytes += message.size;
  }

  /** Sends queued messages, as far as the server and the transport allow. */
  #pump(now: number): void {
    for (
      let message = this.#queue.peek();
      message && this.#maySend(message) && this.#isClear(message);
      message = this.#queue.peek()
    ) {
      this.#queue.shift();
      this.#queuedBytes -= message.size;
      if (message.settle !== undefined || message.packetIdentifier > 0) this.#send(message, now);
    }
    this.#events.changed();
  }

  #maySend({ qos, packetIdentifier }: Outgoing): boolean {
    if (this.#online === undefined || this.wire.congested) return false;
    const { inflight, receiveMaximum } = this.#online;
    const most = this.#barren < SUSPICIOUS ? receiveMaximum : 1;
    return qos === 0 || (inflight < most && (packetIdentifier > 0 || this.#unanswered < MOST_IDENTIFIERS));
  }

  /**
   * The server may take a QoS 2 message for an unreleased one that an earlier page sent with this identifier, and drop
   * it. So the client first sends PUBREL, as for the earlier message, and waits for PUBCOMP [MQTT-4.3.3-2].
   */
  #isClear({ qos, packetIdentifier }: Outgoing): boolean {
    if (this.#begunHere || qos < 2 || packetIdentifier > 0) return true;
    const next = this.#identifier();
    this.#lastIdentifier = next - 1;
    if (!this.#cleared.has(next))
      for (let each = next; each < next + BATCH && each <= MOST_IDENTIFIERS; each++)
        if (!this.#cleared.has(each) && !this.#inflight.has(each)) {
          this.#cleared.set(each, false);
          this.#release(each, 0);
        }
    return this.#cleared.get(next) as boolean;
  }

  #send(message: Outgoing, now: number): void {
    const online = this.#online as Online;
    const { qos, retain, expiresAt } = message;
    const again = message.packetIdentifier > 0;
    message.sentAt = now;
    if (message.released) {
      online.inflight++;
      this.#release(message.packetIdentifier, 0);
      return;
    }
    const what = `topic "${message.topic}"`;
    const error =
      now >= expiresAt && !again
        ? new TimeoutError("MESSAGE_EXPIRED", what)
        : exceeds(online.limits, message.size, what, qos, retain);
    if (error !== undefined) {
      this.#forget(message);
      this.#settle(message, error);
      return;
    }
    if (qos > 0) online.inflight++;
    if (qos > 0 && !again) {
      message.packetIdentifier = this.#identifier();
      this.#inflight.set(message.packetIdentifier, message);
    }
    // Rounded up, but with a millisecond of tolerance: fractions of the clock must not add a second to the largest
    // interval.
    const left = Math.max(0, Math.ceil((expiresAt - now - 1) / 1000));
    if (qos === 0) this.#leaving.push(message);
    this.wire.write(message.packet(message.packetIdentifier, again, left));
  }

  #release(packetIdentifier: number, reasonCode: number): void {
    this.wire.write(acknowledgement(PUBREL, packetIdentifier, reasonCode));
  }

  /** Returns an unused identifier. Call it only if there is one. */
  #identifier(): number {
    do this.#lastIdentifier = (this.#lastIdentifier % MOST_IDENTIFIERS) + 1;
    while (this.#inflight.has(this.#lastIdentifier) || this.#requests.has(this.#lastIdentifier));
    return this.#lastIdentifier;
  }

  /** Returns when the oldest pending answer is overdue. */
  #answerDue(): number {
    const [request] = this.#requests.values();
    const [message] = this.#inflight.values();
    return PATIENCE + Math.min(request?.sentAt ?? Infinity, message?.sentAt ?? Infinity);
  }

  /** The server no longer knows the message, so it may be sent as a new one. */
  #forget(message: Outgoing): void {
    this.#inflight.delete(message.packetIdentifier);
    message.packetIdentifier = 0;
  }

  #lose<Code extends MqttErrorCode>(
    message: Outgoing,
    code: Code,
    Kind: new (code: Code, text: string) => MqttError,
  ): void {
    this.#forget(message);
    this.#settle(message, new Kind(code, `topic "${message.topic}": ${code}`));
  }

  #settle(message: Outgoing, error: MqttError | undefined, answer = SUCCESS): void {
    const { settle } = message;
    message.settle = undefined;
    settle?.(error, answer);
    this.#events.changed();
  }
}

/** Returns why the server would refuse this message; undefined if it would not [MQTT5-3.2.2-11, 3.2.2-14, 3.2.2-15]. */
function exceeds(
  { maximumQoS, retainAvailable, maximumPacketSize = Infinity }: ConnackProperties,
  size: number,
  what: string,
  qos = 0,
  retain = false,
): RefusedError | undefined {
  if (qos > (maximumQoS ?? 2)) return refused("MAXIMUM_QOS_EXCEEDED", what, QOS_NOT_SUPPORTED);
  if (retain && retainAvailable === false) return refused("RETAIN_NOT_AVAILABLE", what, RETAIN_NOT_SUPPORTED);
  if (size > maximumPacketSize) return refused("MAXIMUM_PACKET_SIZE_EXCEEDED", what, PACKET_TOO_LARGE);
  return undefined;
}
