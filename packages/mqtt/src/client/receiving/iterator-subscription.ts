/** A subscription whose messages the application requests. A request for the next message finishes the previous one. */

import type { MqttError } from "../../errors.js";
import { Queue } from "../../session/queue.js";
import { ClientSubscription } from "./client-subscription.js";
import { type Handled, isAcknowledged } from "./handled.js";
import type { Message } from "./message.js";

interface Asked {
  resolve(result: IteratorResult<Message, undefined>): void;
  reject(error: MqttError): void;
}

export class IteratorSubscription extends ClientSubscription {
  /** The messages that were returned and are not finished. There are several if several were requested together. */
  #given: Handled[] = [];
  readonly #asked = new Queue<Asked>();
  /** When a message was last requested, or when the first one became available after that. */
  #askedAt = 0;
  /** No message was requested for too long. */
  #neglected = false;

  override [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    return {
      next: () => this.#next(),
      return: async () => {
        this.#finishGiven();
        this.stop();
        if (!this.closed) this.unsubscribe().catch((error: unknown) => this.report(error));
        return { done: true, value: undefined };
      },
    };
  }

  /** Timed while it blocks acknowledgements. */
  override get busySince(): number | undefined {
    return this.backlog.waitingForAck > 0 || this.#given.some(isAcknowledged) ? this.#askedAt : undefined;
  }

  override get oldest(): number | undefined {
    return (this.#given[0] ?? this.backlog.oldest)?.since;
  }

  override timeOut(): void {
    this.#neglected = true;
    const failed = this.#given.filter(isAcknowledged);
    this.#given = this.#given.filter((each) => !isAcknowledged(each));
    const waited = this.backlog.waitingForAck;
    this.backlog.refuseAcknowledged();
    const error = this.tookTooLong(`the iterator did not request the next message while ${waited} waited`);
    if (failed.length === 0) this.report(error);
    for (const handled of failed) this.backlog.finish(handled, error);
  }

  override abort(): void {
    // There is no handler to abort.
  }

  protected override get isStuck(): boolean {
    return this.#neglected;
  }

  protected override isBusy(iterated: boolean): boolean {
    return iterated && this.#given.some(isAcknowledged);
  }

  /** Ends pending reads: no message will arrive. */
  protected override ended(): void {
    for (const asked of this.#asked.drain()) this.#conclude(asked);
  }

  protected override give(handled: Handled): boolean {
    const asked = this.#asked.shift();
    if (asked === undefined) return false;
    this.#askedAt = this.backlog.now();
    this.#given.push(handled);
    this.backlog.hold(handled, this.#askedAt);
    asked.resolve({ done: false, value: handled.message });
    return true;
  }

  protected override wait(handled: Handled): void {
    if (this.backlog.oldest === undefined && this.#given.length === 0) this.#askedAt = this.backlog.now();
    super.wait(handled);
  }

  #next(): Promise<IteratorResult<Message, undefined>> {
    this.#neglected = false;
    this.#askedAt = this.backlog.now();
    if (this.#asked.length === 0) this.#finishGiven();
    const handled = this.backlog.next();
    if (handled !== undefined) {
      this.#given.push(handled);
      return Promise.resolve({ done: false, value: handled.message });
    }
    return new Promise((resolve, reject) => {
      const asked = { resolve, reject };
      if (this.closed || this.isStopped) this.#conclude(asked);
      else this.#asked.push(asked);
    });
  }

  #finishGiven(): void {
    const given = this.#given;
    this.#given = [];
    for (const each of given) this.backlog.finish(each);
    this.lookIdle();
  }

  #conclude(asked: Asked): void {
    if (this.failure === undefined) asked.resolve({ done: true, value: undefined });
    else asked.reject(this.failure);
  }
}
