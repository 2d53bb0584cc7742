/** What came for one subscription and its application has not finished with: what waits, in order, and what the application has. */

import { Queue } from "../../session/queue.js";
import { type Handled, isAcknowledged } from "./handled.js";
import type { Consumer, Inbox, Share } from "./inbox.js";

export class Backlog {
  /** Leads to the client: in a private field, so that printing a subscription does not print that. */
  readonly #share: Share;
  readonly #waiting = new Queue<Handled>();
  /** How many of these are to be acknowledged. */
  #acknowledged = 0;
  /** Of the message that was held last. */
  #buffer: ArrayBufferLike | undefined;

  constructor(consumer: Consumer, inbox: Inbox) {
    this.#share = inbox.share(consumer);
  }

  /** How many messages wait that are to be acknowledged. */
  get waitingForAck(): number {
    return this.#acknowledged;
  }

  /** Of what waits. */
  get oldest(): Handled | undefined {
    return this.#waiting.peek();
  }

  now(): number {
    return this.#share.now();
  }

  /** Has the message wait; false if there is no room. @param isStuck whether nobody takes what comes, for longer than may be */
  admit(handled: Handled, isStuck: boolean): boolean {
    const acknowledged = isAcknowledged(handled);
    if (acknowledged ? isStuck : !this.#share.admits(handled.size)) return false;
    if (acknowledged) this.#acknowledged++;
    this.#waiting.push(handled);
    this.hold(handled, this.now());
    return true;
  }

  /** What has waited longest, which is held from then on until it is finished. */
  next(): Handled | undefined {
    const handled = this.#waiting.shift();
    if (handled !== undefined && isAcknowledged(handled)) this.#acknowledged--;
    return handled;
  }

  /** All that waits, which is held from then on. */
  drain(): Iterable<Handled> {
    this.#acknowledged = 0;
    return this.#waiting.drain();
  }

  /** Takes the message into account. */
  hold(handled: Handled, now: number): void {
    handled.since ||= now;
    this.#share.hold(handled.held(this.#buffer), now);
    this.#buffer = handled.buffer;
  }

  /** It is not held any more. */
  release({ size }: Handled): void {
    this.#share.release(size);
    if (this.#share.count === 0) this.#buffer = undefined;
  }

  /** The application is done with a message that is held. */
  finish(handled: Handled, error?: unknown): void {
    this.release(handled);
    handled.finished(error);
  }

  /** Nobody takes the QoS 1 and 2 messages that wait, which hold up the acknowledgements of others. */
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
