/**
 * The queue of messages of one side that wait to be sent, in order, and the policy if they are too many, too large or
 * too old. Knows nothing of connections and of messages in flight: limits never drop those.
 */

import { type MqttError, OutboxError, TimeoutError } from "../../errors.js";
import { messageSize, type OutgoingMessage } from "./outgoing-message.js";

/**
 * What happens to a message if the outbox is full. `reject`: it is refused. `drop-newest`: it is dropped, as a loss
 * that the application chose. `drop-oldest`: the oldest queued messages are dropped for it. `keep-latest`: a message
 * replaces the queued message of the same topic, whether or not the outbox is full. If it is full and has no message of
 * the topic, the message is refused.
 */
export type OutboxPolicy = "reject" | "drop-oldest" | "drop-newest" | "keep-latest";

/** Limits of the queue of messages that wait to be sent. */
export interface OutboxBounds {
  /** The number of messages. */
  readonly maximumCount: number;
  /** The bytes of topics, payloads and properties. */
  readonly maximumBytes: number;
  /** Milliseconds that a message may wait. Default: no limit. */
  readonly maximumAge?: number | undefined;
  /** What happens when a limit is reached. Default "reject". */
  readonly policy?: OutboxPolicy | undefined;
  /** Whether QoS 0 messages are queued while there is no connection, or dropped. Default "queue". */
  readonly qos0?: "queue" | "drop" | undefined;
  /**
   * What happens to a QoS 2 message that was sent and had no PUBREC when the peer lost the session: it may have
   * arrived. "reject" (default): it fails with SESSION_LOST. "resend": it is sent again and may arrive twice.
   */
  readonly sessionLost?: "reject" | "resend" | undefined;
  /**
   * For a server: the unacknowledged bytes that may be in flight. A single message of any size then fits into an empty
   * queue, since it was already accepted from its publisher.
   */
  readonly maximumInflightBytes?: number | undefined;
}

/** Counts of messages that the outbox dropped or refused since it was created. */
export interface OutboxCounts {
  /** Refused with OUTBOX_FULL. */
  readonly refused: number;
  /** Dropped by the policy "drop-oldest", or by a server's outbox. */
  readonly droppedOldest: number;
  /** Dropped by the policy "drop-newest". */
  readonly droppedNewest: number;
  /** Replaced by a later message of the same topic, by the policy "keep-latest". */
  readonly replaced: number;
  /** QoS 0 messages that were dropped because there was no connection, by `qos0: "drop"`. */
  readonly droppedOffline: number;
  /** Older than `maximumAge`. */
  readonly tooOld: number;
  /** Past their own `messageExpiryInterval`. */
  readonly expired: number;
}

export const NOTHING_LOST: OutboxCounts = {
  refused: 0,
  droppedOldest: 0,
  droppedNewest: 0,
  replaced: 0,
  droppedOffline: 0,
  tooOld: 0,
  expired: 0,
};

/** Receives a message that will not be sent. */
export type GiveUp = (message: OutgoingMessage, error: MqttError) => void;

export class Outbox {
  /** A list linked through the messages: removing any of them takes constant time. */
  private first: OutgoingMessage | undefined;
  private last: OutgoingMessage | undefined;
  /** The first message that was never sent. Those before it may have arrived, and are not dropped for others. */
  private oldest: OutgoingMessage | undefined;
  private readonly byTopic: Map<string, OutgoingMessage> | undefined;
  private readonly maximumAge: number;
  private count = 0;
  private size = 0;
  /** Created when there is something to count. */
  private tally: Record<keyof OutboxCounts, number> | undefined;

  constructor(
    private readonly bounds: OutboxBounds,
    private readonly giveUp: GiveUp,
  ) {
    this.byTopic = bounds.policy === "keep-latest" ? new Map() : undefined;
    this.maximumAge = bounds.maximumAge ?? Infinity;
  }

  get length(): number {
    return this.count;
  }

  /** The bytes of topics, payloads and properties. */
  get bytes(): number {
    return this.size;
  }

  get counts(): OutboxCounts {
    return { ...(this.tally ?? NOTHING_LOST) };
  }

  peek(): OutgoingMessage | undefined {
    return this.first;
  }

  /** The first message, if it was sent before: see `putBack`. */
  peekReturned(): OutgoingMessage | undefined {
    return this.first === this.oldest ? undefined : this.first;
  }

  /** Queues a message, or drops one or several. Returns true if it is queued now. */
  add(message: OutgoingMessage, offline: boolean): boolean {
    const { bounds } = this;
    if (offline && message.qos === 0 && bounds.qos0 === "drop") {
      this.note("droppedOffline");
      this.giveUp(message, offlineError(message));
      return false;
    }
    const before = this.byTopic?.get(message.topic);
    if (before !== undefined) return this.replace(before, message);
    const size = messageSize(message);
    if (this.hasRoom(size)) {
      this.append(message, size);
      return true;
    }
    if (bounds.policy === "drop-newest") {
      this.note("droppedNewest");
      this.giveUp(message, this.droppedError(message));
      return false;
    }
    if (bounds.policy !== "drop-oldest" || size > bounds.maximumBytes) return this.refuse(message);
    while (!this.hasRoom(size)) {
      const { oldest } = this;
      if (oldest === undefined) return this.refuse(message); // all remaining messages were sent before
      this.drop(oldest);
    }
    this.append(message, size);
    return true;
  }

  /** Queues a message that an earlier process left. It was accepted then, so no bound applies. */
  restore(message: OutgoingMessage): void {
    this.append(message, messageSize(message));
  }

  /** Puts messages that were sent, and must be sent again as new ones, before all others, in order. */
  putBack(messages: readonly OutgoingMessage[]): void {
    for (let i = messages.length - 1; i >= 0; i--) {
      const message = messages[i] as OutgoingMessage;
      this.link(message, undefined, this.first);
      this.count++;
      this.size += messageSize(message);
    }
  }

  /** Removes a message from any place. Returns false if it is not queued. */
  remove(message: OutgoingMessage): boolean {
    const { before, behind } = message;
    if (before === undefined && this.first !== message) return false;
    if (this.oldest === message) this.oldest = behind;
    if (this.byTopic?.get(message.topic) === message) this.byTopic.delete(message.topic);
    if (before === undefined) this.first = behind;
    else before.behind = behind;
    if (behind === undefined) this.last = before;
    else behind.before = before;
    message.before = undefined;
    message.behind = undefined;
    this.count--;
    this.size -= messageSize(message);
    return true;
  }

  /** Removes and returns all messages. */
  drain(): OutgoingMessage[] {
    const messages: OutgoingMessage[] = [];
    for (let message = this.first; message !== undefined; message = this.first) {
      this.remove(message);
      messages.push(message);
    }
    return messages;
  }

  /** Fails expired messages. Returns when the next one expires; Infinity if none does. */
  expire(now: number): number {
    let next = Infinity;
    const over: OutgoingMessage[] = [];
    for (let message = this.first; message !== undefined; message = message.behind) {
      const until = this.waitsUntil(message);
      if (until <= now) over.push(message);
      else if (until < next) next = until;
    }
    for (const message of over) {
      if (this.remove(message)) this.giveUpIfLate(message, now);
    }
    return next;
  }

  /** Returns when a queued message expires; Infinity if never. */
  waitsUntil(message: OutgoingMessage): number {
    return Math.min(message.expiresAt, message.queuedAt + this.maximumAge);
  }

  /** Fails a message that was just removed to be sent, if it is too late. Returns true if it was. */
  giveUpIfLate(message: OutgoingMessage, now: number): boolean {
    if (message.expiresAt <= now) {
      this.note("expired");
      this.giveUp(
        message,
        new TimeoutError(
          "MESSAGE_EXPIRED",
          `"${message.topic}": messageExpiryInterval passed before the message could be sent`,
        ),
      );
      return true;
    }
    if (message.queuedAt + this.maximumAge > now) return false;
    this.note("tooOld");
    const waited = `"${message.topic}": was queued for longer than outbox.maximumAge, ${this.maximumAge} ms`;
    this.giveUp(message, new TimeoutError("MESSAGE_EXPIRED", waited));
    return true;
  }

  private note(what: keyof OutboxCounts): void {
    this.tally ??= { ...NOTHING_LOST };
    this.tally[what]++;
  }

  protected hasRoom(size: number, count = this.count, bytes = this.size): boolean {
    const { maximumCount, maximumBytes, maximumInflightBytes } = this.bounds;
    if (count >= maximumCount) return false;
    return bytes + size <= maximumBytes || (count === 0 && maximumInflightBytes !== undefined);
  }

  private append(message: OutgoingMessage, size: number): void {
    this.link(message, this.last, undefined);
    this.oldest ??= message;
    this.byTopic?.set(message.topic, message);
    this.count++;
    this.size += size;
  }

  protected drop(message: OutgoingMessage): void {
    const error = this.droppedError(message);
    this.remove(message);
    this.note("droppedOldest");
    this.giveUp(message, error);
  }

  /** The new message takes the place of the old one, so that a topic that changes often is still sent. */
  private replace(old: OutgoingMessage, message: OutgoingMessage): boolean {
    const growth = messageSize(message) - messageSize(old);
    if (growth > 0 && this.size + growth > this.bounds.maximumBytes) return this.refuse(message);
    const { before, behind } = old;
    const wasOldest = this.oldest === old;
    this.remove(old);
    this.link(message, before, behind);
    if (wasOldest) this.oldest = message;
    this.byTopic?.set(message.topic, message);
    this.count++;
    this.size += messageSize(message);
    this.note("replaced");
    this.giveUp(
      old,
      new OutboxError(
        "OUTBOX_REPLACED",
        `"${old.topic}": replaced by a later message for this topic (outbox.policy "keep-latest")`,
      ),
    );
    return true;
  }

  private link(
    message: OutgoingMessage,
    before: OutgoingMessage | undefined,
    behind: OutgoingMessage | undefined,
  ): void {
    message.before = before;
    message.behind = behind;
    if (before === undefined) this.first = message;
    else before.behind = message;
    if (behind === undefined) this.last = message;
    else behind.before = message;
  }

  private refuse(message: OutgoingMessage): false {
    this.note("refused");
    this.giveUp(message, new OutboxError("OUTBOX_FULL", `${this.fill}: "${message.topic}" was not queued`));
    return false;
  }

  private droppedError(message: OutgoingMessage): OutboxError {
    const { policy } = this.bounds;
    return new OutboxError(
      "OUTBOX_DROPPED",
      `${this.fill}: "${message.topic}" was dropped (outbox.policy "${policy}")`,
    );
  }

  /** Describes how full it is, for messages. */
  private get fill(): string {
    const { maximumCount, maximumBytes } = this.bounds;
    return (
      `the outbox holds ${this.count} messages with ${this.size} bytes; its limits are ` +
      `${maximumCount} messages and ${maximumBytes} bytes`
    );
  }
}

function offlineError(message: OutgoingMessage): OutboxError {
  return new OutboxError(
    "OUTBOX_DROPPED",
    `"${message.topic}" was dropped because the client is not connected (outbox.qos0 "drop")`,
  );
}
