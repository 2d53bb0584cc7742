/**
 * What happens to the messages for one client before they are sent: `authorizeDeliver` decides. Keeps their order: at
 * most one question is open, and later messages wait behind it.
 */

import type { Clock } from "@aiko/mqtt";
import type { BrokerClient } from "../clients/broker-client.js";
import type { BrokerMessage } from "../messages/broker-message.js";
import { type DeliveredMessage, forKeeping, type PublishedMessage } from "../messages/published-message.js";
import type { Recipient } from "../messages/subscription-table.js";
import type { BrokerHooks } from "./broker-hooks.js";
import { isThenable, publishRefusal } from "./hook-answers.js";
import type { OpenAnswers } from "./open-answers.js";

/** The client, as its gate sees it. */
export interface GatedClient {
  readonly handle: BrokerClient;
  /** Sends a message, or queues it. Returns false if the queue is full. */
  put(message: PublishedMessage, recipient: Recipient, now: number): boolean;
  /** Whether the limits of the outbox allow these messages in addition to its own. */
  hasRoomFor(count: number, bytes: number): boolean;
  /**
   * Counts and records a message that waits for its answer, until `waitsNoLonger` with the number that it returns.
   *
   * @param undone called if it could not be recorded: it must not be delivered, and has no number any more
   */
  waits(message: PublishedMessage, recipient: Recipient, undone: () => void): number;
  waitsNoLonger(message: PublishedMessage, record: number): void;
  /** A message found no room. */
  overflowed(topic: string): void;
  /** The client must not receive the message. `sharedFilters` are those of which another member may receive it. */
  denied(message: PublishedMessage, sharedFilters: readonly string[] | undefined): void;
  /** Sends waiting messages, if possible: the answer for the first one is known. */
  pump(now: number): void;
}

interface Waiting {
  readonly message: PublishedMessage;
  readonly recipient: Recipient;
  readonly size: number;
  record: number;
  isUndone: boolean;
}

type Authorize = NonNullable<BrokerHooks["authorizeDeliver"]>;

/** Decided messages are removed when there are so many of them, and at the end. */
const COMPACT_AT = 1_024;

export class DeliveryGate {
  /** Messages that were not put to the session. The first one's answer is open. */
  private waiting: Waiting[] = [];
  /** The first ones of `waiting` are decided, and not yet removed. */
  private handled = 0;
  private bytes = 0;
  private readonly idle: (() => void)[] = [];
  /** The first message of the session's outbox, if the hook was asked again, and the answer, if it is known. */
  private again: { readonly message: DeliveredMessage; answer: boolean | undefined } | undefined;

  constructor(
    private readonly authorizeDeliver: Authorize,
    private readonly answers: OpenAnswers,
    private readonly clock: Clock,
    private readonly client: GatedClient,
  ) {}

  /** The number of messages whose delivery was not decided. */
  get count(): number {
    return this.waiting.length - this.handled;
  }

  get isBusy(): boolean {
    return this.waiting.length > 0;
  }

  /** Calls `then` once, when no message waits for a decision. */
  whenIdle(then: () => void): void {
    this.idle.push(then);
  }

  /** The bytes of these messages. */
  get size(): number {
    return this.bytes;
  }

  /** Puts a message to the client if it may receive it, possibly later. Returns false if there is no room. */
  deliver(message: PublishedMessage, recipient: Recipient, now: number): boolean {
    if (this.waiting.length > 0) return this.wait(message, recipient);
    const answer = this.ask(message);
    if (answer === true) return this.client.put(message, recipient, now);
    if (answer === false) {
      this.client.denied(message, recipient.sharedFilters);
      return true;
    }
    const hasRoom = this.wait(message, recipient);
    if (hasRoom) void this.proceed(answer);
    return hasRoom;
  }

  /** Whether a message that waited in the outbox may be sent. Undefined if that is not known yet. */
  consent(message: DeliveredMessage): boolean | undefined {
    const source = message.source as PublishedMessage;
    if (this.again?.message === message) {
      const { answer } = this.again;
      if (answer !== undefined) this.again = undefined;
      return answer;
    }
    const answer = this.ask(source);
    if (typeof answer === "boolean") return this.concluded(message, answer);
    const again: typeof this.again = { message, answer: undefined };
    this.again = again;
    void answer.then((value) => {
      if (this.again !== again) return; // the connection is another one
      if (message.state === "settled") this.again = undefined;
      else again.answer = this.concluded(message, value);
      this.client.pump(this.clock.now());
    });
    return undefined;
  }

  /** The connection has ended: rights may change before the next one. */
  disconnected(): void {
    this.again = undefined;
  }

  /** The session has ended. Returns its messages that were not put to it. */
  end(): readonly Pick<Waiting, "message" | "recipient">[] {
    const waiting = this.waiting.slice(this.handled);
    this.waiting = [];
    this.handled = 0;
    this.bytes = 0;
    this.again = undefined;
    for (const { message, record } of waiting) this.client.waitsNoLonger(message, record);
    for (const then of this.idle.splice(0)) then();
    return waiting;
  }

  private concluded(message: DeliveredMessage, answer: boolean): boolean {
    if (!answer) this.client.denied(message.source as PublishedMessage, message.shared?.sharedFilters);
    return answer;
  }

  private wait(message: PublishedMessage, recipient: Recipient): boolean {
    const size = message.topic.length + message.payload.length;
    if (!this.client.hasRoomFor(this.count + 1, this.bytes + size)) {
      this.client.overflowed(message.topic);
      return false;
    }
    const kept = forKeeping(message);
    const waiting = { message: kept, recipient, size, record: 0, isUndone: false };
    this.waiting.push(waiting);
    this.bytes += size;
    waiting.record = this.client.waits(kept, recipient, () => {
      waiting.record = 0;
      waiting.isUndone = true;
    });
    return true;
  }

  /** Decides about the waiting messages in order. @param open the answer for the first one */
  private async proceed(open: boolean | Promise<boolean>): Promise<void> {
    const { waiting } = this;
    for (let answer = open; ; ) {
      const isAllowed = typeof answer === "boolean" ? answer : await answer;
      if (this.waiting !== waiting) return; // the session has ended
      const { message, recipient, size, record, isUndone } = waiting[this.handled++] as Waiting;
      this.bytes -= size;
      this.client.waitsNoLonger(message, record);
      const now = this.clock.now();
      if (isAllowed && !isUndone && message.expiresAt > now) this.client.put(message, recipient, now);
      else if (!isAllowed) this.client.denied(message, recipient.sharedFilters);
      if (this.waiting !== waiting) return;
      if (this.handled === waiting.length || this.handled >= COMPACT_AT) {
        waiting.splice(0, this.handled);
        this.handled = 0;
      }
      const next = waiting[this.handled];
      if (next === undefined) {
        for (const then of this.idle.splice(0)) then();
        return;
      }
      answer = this.ask(next.message);
    }
  }

  /** Never throws. The promise never rejects. */
  private ask(message: BrokerMessage): boolean | Promise<boolean> {
    try {
      const answer: unknown = this.authorizeDeliver(this.client.handle, message);
      if (!isThenable(answer)) return isAllowed(answer);
      return this.answers.within<boolean>("authorizeDeliver", answer, isAllowed, false);
    } catch (error) {
      this.answers.report(error);
      return false;
    }
  }
}

function isAllowed(answer: unknown): boolean {
  return publishRefusal("authorizeDeliver", answer) === undefined;
}
