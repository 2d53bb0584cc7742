/**
 * The unfinished messages of one subscription: those that wait, in order, and those that the application is handling.
 */

import { Queue } from "../../session/queue.js";
import { type Handled, isAcknowledged } from "./handled.js";
import type { Consumer, Inbox, Share } from "./inbox.js";

export class Backlog {
  /** References the client. The field is private, so that printing a subscription does not print the client. */
  readonly #share: Share;
  readonly #waiting = new Queue<Handled>();
  /** How many of the waiting messages must be acknowledged. */
  #acknowledged = 0;
  /** The buffer of the last message that was held. */
  #buffer: ArrayBufferLike | undefined;

  constructor(consumer: Consumer, inbox: Inbox) {
    this.#share = inbox.share(consumer);
  }

  /** How many waiting messages must be acknowledged. */
  get waitingForAck(): number {
    return this.#acknowledged;
  }

  /** The oldest waiting message. */
  get oldest(): Handled | undefined {
    return this.#waiting.peek();
  }

  now(): number {
    return this.#share.now();
  }

  /**
   * Queues the message. Returns false if there is no room. @param isStuck whether the application has taken no message
   * for too long
   */
  admit(handled: Handled, isStuck: boolean): boolean {
    const acknowledged = isAcknowledged(handled);
    if (acknowledged ? isStuck : !this.#share.admits(handled.size)) return false;
    if (acknowledged) this.#acknowledged++;
    this.#waiting.push(handled);
    this.hold(handled, this.now());
    return true;
  }

  /** Takes the oldest waiting message. It stays held until it is finished. */
  next(): Handled | undefined {
    const handled = this.#waiting.shift();
    if (handled !== undefined && isAcknowledged(handled)) this.#acknowledged--;
    return handled;
  }

  /** Takes all waiting messages. They stay held. */
  drain(): Iterable<Handled> {
    this.#acknowledged = 0;
    return this.#waiting.drain();
  }

  /** Counts the message as held. */
  hold(handled: Handled, now: number): void {
    handled.since ||= now;
    this.#share.hold(handled.held(this.#buffer), now);
    this.#buffer = handled.buffer;
  }

  /** Counts the message as no longer held. */
  release({ size }: Handled): void {
    this.#share.release(size);
    if (this.#share.count === 0) this.#buffer = undefined;
  }

  /** Called when the application has finished with a held message. */
  finish(handled: Handled, error?: unknown): void {
    this.release(handled);
    handled.finished(error);
  }

  /**
   * Refuses the waiting QoS 1 and 2 messages. The application does not take them, so they block other acknowledgements.
   */
  refuseAcknowledged(): void {
    for (const handled of this.drain()) {
      if (isAcknowledged(handled)) {
        this.release(handled);
        handled.refused();
      } else {
        this.#waiting.push(handled);
      }
    }
  }
}
