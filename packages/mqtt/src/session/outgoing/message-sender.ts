/**
 * The sending half of a session, on either side: one ordered queue, the messages in flight, and the peer's receive
 * maximum. A message is removed only when its outcome is known, so that a lost connection loses no message
 * [MQTT-4.3.2-1, 4.3.3-1, 4.4.0-1, 4.6.0-1].
 */

import { forbidden } from "../../codec/cursor.js";
import { PUBREL, writeAcknowledgement, writeClientPacket } from "../../codec/encode.js";
import type { OutputBuffer } from "../../codec/output-buffer.js";
import type { ProtocolVersion, PubackPacket, PubcompPacket, PubrecPacket } from "../../codec/packets.js";
import { type PublishFields, topicLengthProblem, writePublish } from "../../codec/publish-coder.js";
import { describeReasonCode } from "../../codec/reason-codes.js";
import { type MqttError, OutboxError, RefusedError, TransportError, UsageError } from "../../errors.js";
import { PACKET_IDENTIFIER_NOT_FOUND } from "../../reason-code.js";
import type { MessageJournal } from "../journal/message-journal.js";
import type { PacketIdentifiers } from "../packet-identifiers.js";
import { Queue } from "../queue.js";
import { type PublishLimits, packetTooLarge, publishRefusal } from "../server-limits.js";
import { Inflight } from "./inflight.js";
import { InheritedIdentifiers } from "./inherited-identifiers.js";
import { type GiveUp, Outbox, type OutboxBounds, type OutboxCounts } from "./outbox.js";
import type { OutgoingMessage } from "./outgoing-message.js";
import type { OutgoingTopicAliases } from "./outgoing-topic-aliases.js";
import { PoisonWatch } from "./poison-watch.js";
import { remainingExpiry } from "./remaining-expiry.js";
import { Unflushed } from "./unflushed.js";

/** The output of a network connection. */
export interface Outlet {
  /** The buffer to write packets to. Call `touch` afterwards. */
  readonly out: OutputBuffer;
  /** How often `out` has been emptied. Its current content is sent with the next time. */
  readonly takes: number;
  /** Whether the transport has no room: data that can wait should wait. */
  readonly congested: boolean;
  /** Schedules a flush of `out`. */
  touch(): void;
}

/** What the sender needs of one network connection. */
export interface SenderLink {
  readonly outlet: Outlet;
  readonly version: ProtocolVersion;
  readonly limits: PublishLimits;
  readonly topicAliases: OutgoingTopicAliases;
}

const DUP = 0x08;
const UNSENT = "the connection was lost before the message was handed to the network";

/** The fields of the QoS 0 message that is being encoded. Encoding is never interrupted, so all senders share them. */
const fields = {
  topic: "",
  payload: "" as Uint8Array | string,
  qos: 0 as const,
  retain: false,
  properties: undefined,
};

export class MessageSender {
  private readonly outbox: Outbox;
  private readonly inflight = new Inflight();
  /**
   * Messages in flight since an earlier connection that were not resent over this one yet. While messages are sent one
   * at a time, also the one that waits for its acknowledgement.
   */
  private resend = new Queue<OutgoingMessage>();
  private readonly unflushed = new Unflushed();
  private link: SenderLink | undefined;
  private sendQuota = 0;
  /** The quota of QoS 2 messages. */
  private qos2Quota = 0;
  /** Undefined for a session that began with this object: all identifiers that the peer holds are in flight. */
  private inherited: InheritedIdentifiers | undefined;
  private readonly poison: PoisonWatch | undefined;
  /**
   * While messages are sent one at a time: whether PINGRESP was received over this connection, and which message was
   * sent last.
   */
  private healthy = false;
  private alone: OutgoingMessage | undefined;

  constructor(
    private readonly identifiers: PacketIdentifiers,
    private readonly bounds: OutboxBounds,
    private readonly journal: MessageJournal | undefined,
    /** Whether this side opens the connections. Only then can one message end connection after connection. */
    connecting = false,
    newOutbox: (giveUp: GiveUp) => Outbox = (giveUp) => new Outbox(bounds, giveUp),
  ) {
    this.outbox = newOutbox((message, error) => this.giveUp(message, error));
    this.poison = connecting ? new PoisonWatch() : undefined;
  }

  /** Whether connections are probably lost because of a message. */
  get suspectsMessage(): boolean {
    return this.poison?.isSuspicious ?? false;
  }

  /** The connection, if no message waits and the transport has room: a QoS 0 message may be written to it. */
  get idleLink(): SenderLink | undefined {
    const { link } = this;
    if (link === undefined || this.outbox.length > 0 || this.resend.length > 0) return undefined;
    return link.outlet.congested ? undefined : link;
  }

  /** The number of messages whose outcome is not known. */
  get pending(): number {
    return this.outbox.length + this.inflight.length + this.unflushed.length;
  }

  get outboxCounts(): OutboxCounts {
    return this.outbox.counts;
  }

  /** The oldest message in flight; undefined if there is none. */
  get oldest(): OutgoingMessage | undefined {
    return this.inflight.oldest;
  }

  /** A counter that grows with each message that is no longer in flight. */
  get acknowledged(): number {
    return this.inflight.gone;
  }

  /**
   * Sends the message now if allowed; otherwise queues it. If the queue is full, the outbox's policy decides.
   *
   * @param online whether there is a connection, which may not be ready for messages yet
   */
  publish(message: OutgoingMessage, now: number, online = this.link !== undefined): void {
    const { link } = this;
    message.queuedAt = now;
    if (link !== undefined && this.outbox.length === 0 && this.resend.length === 0 && this.mayBegin(link, message)) {
      this.send(link, message, now);
      return;
    }
    if (this.outbox.add(message, !online) && message.qos > 0) this.journal?.put(message);
  }

  /**
   * Sends a QoS 0 message without creating an object for it, if it may be sent immediately. Returns the object that
   * represents all such messages that are sent with the same bytes and therefore share one outcome. Returns undefined
   * if the message has to wait or is refused: call `publish` then.
   *
   * @param newGroup creates that object, given the topic of the first message
   */
  sendAtOnce(
    topic: string,
    payload: Uint8Array | string,
    retain: boolean,
    newGroup: (topic: string) => OutgoingMessage,
  ): OutgoingMessage | undefined {
    const { idleLink: link } = this;
    if (link === undefined) return undefined;
    fields.topic = topic;
    fields.payload = payload;
    fields.retain = retain;
    const may = topicRefusal(link.version, topic) === undefined && publishRefusal(link.limits, fields) === undefined;
    const sent = may && this.encode(link, fields, 0, false);
    fields.payload = ""; // may be large
    if (!sent) return undefined;
    const group = this.unflushed.join(link.outlet.takes, topic, newGroup);
    link.outlet.touch();
    return group;
  }

  /** Restores messages that an earlier process left in the store, in order. */
  restore(messages: readonly OutgoingMessage[]): void {
    for (const message of messages) {
      message.stored = true;
      if (message.packetIdentifier === 0) {
        this.outbox.restore(message);
      } else {
        this.identifiers.restore(message.packetIdentifier);
        this.inflight.add(message);
      }
    }
  }

  /**
   * Called when a connection is ready for messages.
   *
   * @param resumed whether the peer still has this session. If not, the outcome of messages that it may have received
   * is settled
   * @param inherited whether an earlier process began the session
   */
  opened(link: SenderLink, resumed: boolean, inherited: boolean, now: number): void {
    // Before the link is set: messages that outcomes cause must not overtake the queue.
    if (!resumed) this.startAfresh(now);
    this.inherited = inherited ? (this.inherited ?? new InheritedIdentifiers()) : undefined;
    this.link = link;
    this.sendQuota = link.limits.receiveMaximum;
    this.qos2Quota = link.limits.qos2Maximum;
    this.resend = new Queue();
    for (const message of this.inflight.inOrder()) this.resend.push(message);
    this.healthy = false;
    this.alone = undefined;
    if (this.poison?.isCareful) this.beginCarefully(link, this.poison);
    this.pump(now);
  }

  /**
   * Called when the connection is lost. Messages in flight are kept, to be resent.
   *
   * @param error the reason, if the server may have closed the connection because of a message
   */
  lost(error?: MqttError): void {
    const { link } = this;
    if (link === undefined) return; // it was never accepted
    this.link = undefined;
    this.inherited?.lost();
    const poison = this.poison?.lost(
      error,
      this.inflight.length > 0 || this.outbox.peekReturned() !== undefined,
      this.alone?.state === "sent" ? this.alone : undefined,
    );
    if (poison !== undefined) this.giveUpSent(poison.message, poison.error);
    for (const message of this.unflushed.drain(link.outlet.takes)) {
      const others = message.count > 1 ? ` and ${message.count - 1} QoS 0 messages after it` : "";
      this.giveUp(message, new TransportError("CONNECTION_LOST", `"${message.topic}"${others}: ${UNSENT}`));
    }
  }

  /** Sends waiting messages, as far as the quota and the transport allow. */
  pump(now: number): void {
    const { link } = this;
    if (link === undefined) return;
    if (this.poison?.isCareful && !this.pumpCarefully(link, this.poison, now)) return;
    for (let message = this.resend.peek(); message !== undefined; message = this.resend.peek()) {
      if (message.state === "sent" && !this.maySend(link, message)) return;
      const refusal = message.refusal?.();
      if (refusal === null) return;
      this.resend.shift();
      if (refusal) this.giveUpSent(message, refusal);
      else this.sendAgain(link, message, now);
    }
    for (let message = this.outbox.peek(); message !== undefined; message = this.outbox.peek()) {
      if (!this.mayBegin(link, message)) return;
      const refusal = message.refusal?.();
      if (refusal === null) return;
      this.outbox.remove(message);
      if (refusal) this.giveUp(message, refusal);
      else this.send(link, message, now);
    }
  }

  /** Called when the transport has taken the bytes. Settles the QoS 0 messages in them. */
  flushed(): void {
    const { link } = this;
    if (link === undefined || this.unflushed.length === 0) return;
    for (const message of this.unflushed.takeBefore(link.outlet.takes)) {
      message.state = "settled";
      message.delivered(0, undefined);
    }
  }

  puback(packet: PubackPacket, now: number): void {
    const message = this.inflight.get(packet.packetIdentifier);
    if (message === undefined) return; // from a session that this side has dropped
    if (message.qos !== 1)
      throw forbidden(`puback: packetIdentifier ${packet.packetIdentifier} belongs to a QoS 2 message`);
    this.conclude(message, packet, now);
  }

  pubrec(packet: PubrecPacket, now: number): void {
    const { packetIdentifier, reasonCode } = packet;
    const message = this.inflight.get(packetIdentifier);
    const { link } = this;
    if (link === undefined) return;
    if (message === undefined) {
      if (reasonCode < 0x80) this.releaseUnknown(link, packetIdentifier);
      return;
    }
    if (message.qos !== 2) throw forbidden(`pubrec: packetIdentifier ${packetIdentifier} belongs to a QoS 1 message`);
    if (reasonCode >= 0x80) {
      this.conclude(message, packet, now);
      return;
    }
    this.poison?.acknowledged();
    const again = message.state === "released";
    if (!again) {
      message.state = "released";
      if (reasonCode !== 0 || packet.properties !== undefined) message.pubrec = packet;
      this.journal?.put(message);
    }
    writePubrel(link, packetIdentifier, again);
    link.outlet.touch();
    if (this.poison?.isCareful) this.pump(now);
  }

  pubcomp(packet: PubcompPacket, now: number): void {
    if (this.inherited?.cleared(packet.packetIdentifier)) {
      this.pump(now);
      return;
    }
    const message = this.inflight.get(packet.packetIdentifier);
    if (message === undefined) return;
    if (message.state !== "released") {
      throw forbidden(`pubcomp: packetIdentifier ${packet.packetIdentifier} has not been acknowledged with PUBREC`);
    }
    // "Packet Identifier not found" after PUBREL means that the peer had finished with the message before.
    const said = packet.reasonCode === PACKET_IDENTIFIER_NOT_FOUND ? { reasonCode: 0 } : packet;
    this.conclude(message, message.pubrec ?? said, now);
  }

  /** Called when PINGRESP is received. */
  pinged(now: number): void {
    this.healthy = true;
    this.inherited?.pinged();
    if (this.inherited !== undefined || this.poison?.isCareful) this.pump(now);
  }

  /** Fails expired messages of the queue. Returns when the next one expires; Infinity if none does. */
  expire(now: number): number {
    return this.outbox.expire(now);
  }

  /** Returns when a queued message expires; Infinity if never. */
  waitsUntil(message: OutgoingMessage): number {
    return this.outbox.waitsUntil(message);
  }

  /** Cancels a queued message. Returns false if it was sent already, or is unknown. */
  withdraw(message: OutgoingMessage, error: MqttError): boolean {
    if (message.state !== "queued" || !this.outbox.remove(message)) return false;
    this.giveUp(message, error);
    return true;
  }

  /** Fails messages that the store did not take. They were not sent, since messages are stored before they are sent. */
  refuseUnstored(messages: readonly OutgoingMessage[], error: MqttError): void {
    Object.assign(error, { mayHaveArrived: false }); // no topic, since several messages share this error
    for (const message of messages) {
      if (message.state === "settled") continue;
      if (message.state === "queued") {
        this.outbox.remove(message);
      } else {
        this.inflight.delete(message);
        this.identifiers.release(message.packetIdentifier);
        message.mayHaveArrived = false;
      }
      this.giveUp(message, error);
    }
  }

  /** Fails all messages without an outcome. */
  abandon(error: (message: OutgoingMessage) => MqttError): void {
    const unflushed = this.unflushed.drain(this.link?.outlet.takes ?? 0);
    const messages = [...unflushed, ...this.inflight.inOrder(), ...this.outbox.drain()];
    this.inflight.clear();
    this.resend = new Queue();
    for (const message of messages) {
      message.state = "settled";
      message.failed(error(message));
    }
  }

  /**
   * Removes and returns all messages without an outcome, in order. The session has ended, so they are not settled here.
   */
  end(): OutgoingMessage[] {
    const messages = [...this.inflight.inOrder(), ...this.outbox.drain()];
    this.inflight.clear();
    this.resend = new Queue();
    return messages;
  }

  /** Fails a message, because of the outbox or a lost connection. */
  private giveUp(message: OutgoingMessage, error: MqttError): void {
    message.state = "settled";
    this.journal?.remove(message);
    message.failed(error);
  }

  private maySend(link: SenderLink, message: OutgoingMessage): boolean {
    if (link.outlet.congested) return false;
    if (message.qos === 0) return true;
    if (this.inflight.bytes >= (this.bounds.maximumInflightBytes ?? Infinity)) return false;
    return this.sendQuota > 0 && (message.qos === 1 || this.qos2Quota > 0) && this.identifiers.available;
  }

  /** The same as `maySend`, for a message that has no identifier yet. */
  private mayBegin(link: SenderLink, message: OutgoingMessage): boolean {
    if (!this.maySend(link, message)) return false;
    const { inherited, identifiers } = this;
    if (inherited === undefined || message.qos < 2 || inherited.isClear(identifiers.next)) return true;
    inherited.ask(
      identifiers.next,
      (identifier) => this.inflight.get(identifier)?.qos === 2,
      (identifier) => writePubrel(link, identifier, false),
    );
    link.outlet.touch();
    return inherited.isClear(identifiers.next);
  }

  private send(link: SenderLink, message: OutgoingMessage, now: number): void {
    if (this.outbox.giveUpIfLate(message, now)) return;
    const refusal = topicRefusal(link.version, message.topic) ?? publishRefusal(link.limits, message);
    if (refusal !== undefined) {
      this.giveUp(message, refusal);
      return;
    }
    const identifier = message.qos === 0 ? 0 : this.identifiers.take();
    if (!this.write(link, message, identifier, false, now)) {
      this.identifiers.release(identifier);
      this.giveUp(message, packetTooLarge(link.limits.maximumPacketSize, `the message for "${message.topic}"`));
      return;
    }
    if (message.qos === 0) {
      this.unflushed.add(message, link.outlet.takes);
    } else {
      message.packetIdentifier = identifier;
      message.state = "sent";
      message.mayHaveArrived = true;
      this.sendQuota--;
      if (message.qos === 2) this.qos2Quota--;
      this.inflight.add(message);
      this.journal?.put(message);
    }
    link.outlet.touch();
  }

  private sendAgain(link: SenderLink, message: OutgoingMessage, now: number): void {
    if (message.state === "settled") return;
    if (message.state === "released") {
      writePubrel(link, message.packetIdentifier, true);
    } else if (!this.write(link, message, message.packetIdentifier, true, now)) {
      this.giveUpSent(message, packetTooLarge(link.limits.maximumPacketSize, `the message for "${message.topic}"`));
      return;
    }
    if (message.qos === 2) this.qos2Quota--;
    this.sendQuota--; // also for PUBREL: the message is unacknowledged until PUBCOMP [MQTT5-3.3.4-7]
    link.outlet.touch();
  }

  /** Fails a message that is in flight. */
  private giveUpSent(message: OutgoingMessage, error: MqttError): void {
    // The peer may hold the identifier of a QoS 2 message, and take the next message with it for a repetition.
    if (message.qos === 1) this.identifiers.release(message.packetIdentifier);
    this.inflight.delete(message);
    this.giveUp(message, error);
  }

  /**
   * Connections are probably lost because of one message. Before it is sent, PINGREQ checks that the connection works.
   */
  private beginCarefully(link: SenderLink, poison: PoisonWatch): void {
    if (this.resend.length === 0 && this.outbox.peekReturned() === undefined) {
      poison.clear();
      return;
    }
    writeClientPacket(link.outlet.out, { type: "pingreq" }, link.version);
    link.outlet.touch();
  }

  /**
   * Sends one message that was in flight when a connection was lost, and waits for its acknowledgement. It is resent,
   * or sent as a new one if the peer has lost the session. Returns true if all such messages were acknowledged.
   */
  private pumpCarefully(link: SenderLink, poison: PoisonWatch, now: number): boolean {
    if (!this.healthy) return false;
    for (;;) {
      const message = this.resend.peek();
      if (message === undefined) {
        const returned = this.outbox.peekReturned();
        if (returned === undefined) break;
        if (!this.mayBegin(link, returned)) return false;
        this.outbox.remove(returned);
        this.resend.push(returned); // all others wait behind it
        this.alone = returned;
        this.send(link, returned, now);
        continue;
      }
      const answered = this.alone === message && message.state !== "sent";
      if (message.state === "sent") {
        if (this.alone === message || !this.maySend(link, message)) return false;
        this.alone = message;
      } else {
        this.resend.shift();
      }
      if (!answered) this.sendAgain(link, message, now);
    }
    poison.clear();
    return true;
  }

  private write(link: SenderLink, message: OutgoingMessage, identifier: number, dup: boolean, now: number): boolean {
    if (message.expiresAt === Infinity) return this.encode(link, message, identifier, dup);
    const { topic, payload, qos, retain } = message;
    const properties = remainingExpiry(message, now);
    return this.encode(link, { topic, payload, qos, retain, properties }, identifier, dup);
  }

  private encode(link: SenderLink, fields: PublishFields, identifier: number, dup: boolean): boolean {
    const { outlet, version, limits, topicAliases } = link;
    const alias = topicAliases.aliasFor(fields.topic);
    const written = writePublish(outlet.out, version, fields, identifier, dup, limits.maximumPacketSize, alias) > 0;
    if (!written && alias > 0) topicAliases.forget(fields.topic);
    return written;
  }

  private conclude(
    message: OutgoingMessage,
    packet: Omit<PubackPacket, "type" | "packetIdentifier">,
    now: number,
  ): void {
    this.finish(message);
    this.poison?.acknowledged();
    if (this.link !== undefined) {
      const { receiveMaximum, qos2Maximum } = this.link.limits;
      if (this.sendQuota < receiveMaximum) this.sendQuota++;
      if (message.qos === 2 && this.qos2Quota < qos2Maximum) this.qos2Quota++;
    }
    this.settle(message, packet);
    if (this.outbox.length > 0 || this.resend.length > 0) this.pump(now);
  }

  private settle(message: OutgoingMessage, packet: Omit<PubackPacket, "type" | "packetIdentifier">): void {
    message.state = "settled";
    const { reasonCode, properties } = packet;
    if (reasonCode < 0x80) {
      message.delivered(reasonCode, properties);
      return;
    }
    message.mayHaveArrived = false;
    const what = `the peer refused the message for "${message.topic}": ${describeReasonCode(reasonCode)}`;
    message.failed(new RefusedError("PUBLISH_REFUSED", reasonCode, what, properties));
  }

  private finish(message: OutgoingMessage): void {
    this.inflight.delete(message);
    this.identifiers.release(message.packetIdentifier);
    this.journal?.remove(message);
  }

  private releaseUnknown(link: SenderLink, packetIdentifier: number): void {
    const { out } = link.outlet;
    if (link.version === 5)
      writeClientPacket(out, { type: "pubrel", packetIdentifier, reasonCode: PACKET_IDENTIFIER_NOT_FOUND }, 5);
    else writeAcknowledgement(out, PUBREL, packetIdentifier);
    link.outlet.touch();
  }

  /**
   * Called when the peer does not know this session. QoS 1 messages are sent as new ones: at least once. The peer
   * accepted each QoS 2 message for which it sent PUBREC. Without PUBREC, the message may or may not have arrived, and
   * resending could deliver it twice. So it fails with SESSION_LOST, unless the option `sessionLost` is "resend".
   */
  private startAfresh(now: number): void {
    const again: OutgoingMessage[] = [];
    const over: OutgoingMessage[] = [];
    for (const message of this.inflight.inOrder()) {
      if (message.qos === 2 && (message.state === "released" || this.bounds.sessionLost !== "resend")) {
        this.finish(message);
        over.push(message);
        continue;
      }
      this.inflight.delete(message);
      this.identifiers.release(message.packetIdentifier);
      message.packetIdentifier = 0;
      message.state = "queued";
      message.queuedAt = now;
      this.journal?.put(message);
      again.push(message);
    }
    this.outbox.putBack(again);
    for (const message of over) {
      if (message.state === "released") {
        message.state = "settled";
        message.delivered(0, undefined);
        continue;
      }
      this.giveUp(
        message,
        new OutboxError(
          "SESSION_LOST",
          `the server lost the session while the QoS 2 message for "${message.topic}" was unacknowledged: it may or ` +
            "may not have arrived, and was not resent because that could deliver it twice",
        ),
      );
    }
  }
}

/** Checks a topic that was queued before it was known that the connection uses MQTT 3.1. */
function topicRefusal(version: ProtocolVersion, topic: string): UsageError | undefined {
  const problem = topicLengthProblem(version, topic);
  return problem === undefined ? undefined : new UsageError("TOPIC_NAME_INVALID", `topicName: ${problem}`);
}

/** MQTT 3.1 requires DUP on a resent PUBREL [MQTT31-21]; later versions have no such flag. */
function writePubrel(link: SenderLink, packetIdentifier: number, again: boolean): void {
  writeAcknowledgement(link.outlet.out, again && link.version === 3 ? PUBREL | DUP : PUBREL, packetIdentifier);
}
