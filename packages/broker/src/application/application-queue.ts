/**
 * The messages that wait for one subscription of the application: first the retained ones, which the broker keeps in
 * any case, then the published ones, within limits. Publishers of messages that find no room wait here, too.
 */

import type { Clock, Timer } from "@aiko/mqtt";
import { Queue } from "@aiko/mqtt/session";
import type { PublishedMessage } from "../messages/published-message.js";
import { ApplicationMessage } from "./application-message.js";
import type { ApplicationTerms } from "./broker-subscription.js";

/** What became of a message: no subscription matched, it was taken, or there was no room. */
export type Hearing = "unheard" | "taken" | "refused";

interface Queued {
  readonly message: PublishedMessage;
  readonly size: number;
}

/** A message whose publisher waits for room. */
interface Waiting extends Queued {
  readonly resolve: (hearing: Hearing) => void;
}

export class ApplicationQueue {
  private retained: PublishedMessage[] = [];
  private given = 0;
  private readonly queue = new Queue<Queued>();
  private bytes = 0;
  private readonly waiting = new Queue<Waiting>();
  /** Fires if the application takes no message for too long while publishers wait. */
  private timer: Timer | undefined;
  /** Publishers have waited for too long. They do not wait until the application takes a message. */
  private isStuck = false;

  constructor(
    private readonly terms: Pick<ApplicationTerms, "maximumCount" | "maximumBytes" | "maximumWait">,
    private readonly clock: Clock,
    /** Receives each message that was dropped. */
    private readonly dropped: (message: PublishedMessage, reason: string) => void,
  ) {}

  get count(): number {
    return this.queue.length;
  }

  get size(): number {
    return this.bytes;
  }

  begin(retained: PublishedMessage[]): void {
    this.retained = retained;
  }

  /** @param patient whether the publisher can wait */
  add(message: PublishedMessage, patient: boolean): Hearing | Promise<Hearing> {
    const size = message.topic.length + message.payload.length;
    if (this.waiting.length === 0 && this.hasRoom(size)) {
      this.push({ message, size });
      return "taken";
    }
    if (message.qos === 0 || !patient || this.isStuck) {
      this.dropped(message, this.full);
      return "refused";
    }
    this.timer ??= this.clock.schedule(this.terms.maximumWait, () => this.giveUp());
    return new Promise((resolve) => this.waiting.push({ message, size, resolve }));
  }

  /** Takes the next message that has not expired. */
  next(): ApplicationMessage | undefined {
    const now = this.clock.now();
    this.isStuck = false;
    while (this.given < this.retained.length) {
      const message = this.retained[this.given++] as PublishedMessage;
      if (this.given === this.retained.length) this.begin([]);
      if (message.expiresAt > now) return new ApplicationMessage(message, true);
    }
    this.given = 0;
    for (let queued = this.queue.shift(); queued !== undefined; queued = this.queue.shift()) {
      this.bytes -= queued.size;
      this.letIn();
      if (queued.message.expiresAt > now) return new ApplicationMessage(queued.message, false);
    }
    return undefined;
  }

  /** Discards everything. Publishers that wait are answered as if the subscription had taken their messages. */
  end(): void {
    this.timer?.cancel();
    this.retained = [];
    this.queue.drain();
    this.bytes = 0;
    for (const { resolve } of this.waiting.drain()) resolve("taken");
  }

  private hasRoom(size: number): boolean {
    const { maximumCount, maximumBytes } = this.terms;
    return this.count < maximumCount && (this.count === 0 || this.bytes + size <= maximumBytes);
  }

  private push(queued: Queued): void {
    this.queue.push(queued);
    this.bytes += queued.size;
  }

  /** Queues messages whose publishers wait, as far as there is room, and starts their time limit again. */
  private letIn(): void {
    if (this.waiting.length === 0) return;
    this.timer?.cancel();
    this.timer = undefined;
    for (
      let first = this.waiting.peek();
      first !== undefined && this.hasRoom(first.size);
      first = this.waiting.peek()
    ) {
      this.waiting.shift();
      this.push(first);
      first.resolve("taken");
    }
    if (this.waiting.length > 0) this.timer = this.clock.schedule(this.terms.maximumWait, () => this.giveUp());
  }

  private giveUp(): void {
    this.timer = undefined;
    this.isStuck = true;
    for (const { message, resolve } of this.waiting.drain()) {
      this.dropped(message, `${this.full}, for maximumWait ${this.terms.maximumWait} ms`);
      resolve("refused");
    }
  }

  private get full(): string {
    const { maximumCount, maximumBytes } = this.terms;
    return (
      `a subscription of the application is full: it holds ${this.count} messages with ${this.bytes} bytes; ` +
      `its limits are ${maximumCount} messages and ${maximumBytes} bytes`
    );
  }
}
