/**
 * What came and the application has not finished with: how much it may be, whose it is, and since when. Past its bound reading from
 * the network stops, which holds up every subscription; so one that does not move is set aside, and its messages then count by
 * themselves. Owns the one timer that all of this takes; knows nothing of packets.
 */

import { ClosedError } from "../../errors.js";
import type { EventEmitter } from "../../event-emitter.js";
import type { Clock, Timer } from "../../platform/clock.js";
import type { ClientEvents } from "../client-events.js";
import type { Bounds } from "../connect-options.js";
import type { Reading } from "./reading.js";
import type { SlowConsumer } from "./slow-consumer.js";

/** One subscription, as the inbox sees it. */
export interface Consumer {
  readonly topicFilters: readonly string[];
  /** Milliseconds that the application may take with one message. */
  readonly handlerTimeout: number;
  /** Since when the application has been at it; undefined if nothing is to be timed. */
  readonly busySince: number | undefined;
  /** When the oldest unfinished message came; undefined if there is none. */
  readonly oldest: number | undefined;
  /** The application took too long. */
  timeOut(now: number): void;
  /** Nobody will hear what becomes of the messages. */
  abort(error: ClosedError): void;
}

/** So many times its bound the inbox may hold while reading has to go on; then QoS 0 messages are dropped. */
const OVERFLOW = 2;
/** So many times the bound may be held for those set aside, who are sent QoS 1 and 2 still; then reading stops. */
const MOST_ASIDE = 3;
/** Once reading stopped, it goes on when what is held has shrunk to this part of the bound. */
const RESUME_AT = 0.5;
/** With reading stopped, a subscription that has finished nothing for so many milliseconds is set aside. */
const STALLED = 1_000;
/** The part of `handlerTimeout` after which a subscription is told as slow. */
const SLOW_AFTER = 0.5;

export class Inbox {
  /** What holds reading up. */
  private readonly live: Held = { count: 0, bytes: 0 };
  /** What is held for subscriptions that were set aside. */
  private readonly aside: Held = { count: 0, bytes: 0 };
  /** The shares that hold something. */
  private readonly busy = new Set<Share>();
  private full = false;
  private closed = false;
  private timer: { readonly at: number; readonly alarm: Timer } | undefined;

  constructor(
    private readonly bounds: Bounds,
    private readonly clock: Clock,
    private readonly reading: Pick<Reading, "setFull">,
    private readonly emitter: EventEmitter<ClientEvents>,
    /** Whether there are subscriptions that wait for nothing but the network. */
    private readonly hasSeveralSubscriptions: () => boolean,
  ) {}

  /** The subscriptions that are slow at present. */
  get slowConsumers(): readonly SlowConsumer[] {
    return [...this.busy].filter((share) => share.told).map((share) => this.describe(share));
  }

  share(consumer: Consumer): Share {
    return new Share(consumer, this);
  }

  now(): number {
    return this.clock.now();
  }

  /** The client is closed: what is still held has no bound and no deadline any more, and nothing is added. */
  close(): void {
    this.closed = true;
    this.timer?.alarm.cancel();
    this.timer = undefined;
    const closed = new ClosedError("CLIENT_CLOSED", "the client was closed while its message was being handled");
    for (const { consumer } of [...this.busy]) consumer.abort(closed);
  }

  /** @internal Whether there is room for one more QoS 0 message. Others are never turned away. */
  admits(share: Share, bytes: number): boolean {
    const { maximumCount, maximumBytes } = this.bounds;
    if (share.aside) return this.aside.count < maximumCount && this.aside.bytes + bytes <= maximumBytes;
    return !this.full || !this.isBeyond(this.live, OVERFLOW);
  }

  /** @internal */
  hold(share: Share, bytes: number, now: number): void {
    if (share.count === 0) {
      share.progressAt = now;
      this.busy.add(share);
    }
    share.count++;
    share.bytes += bytes;
    const held = share.aside ? this.aside : this.live;
    held.count++;
    held.bytes += bytes;
    this.wakeAt(now + share.consumer.handlerTimeout * SLOW_AFTER);
    this.update(now);
  }

  /** @internal */
  release(share: Share, bytes: number): void {
    share.progressAt = this.clock.now();
    share.count--;
    share.bytes -= bytes;
    const held = share.aside ? this.aside : this.live;
    held.count--;
    held.bytes -= bytes;
    if (this.isWithin(share, RESUME_AT)) {
      share.told = false;
      if (share.aside) this.move(share, false);
    }
    if (share.count === 0) this.busy.delete(share);
    this.update(share.progressAt);
  }

  private update(now: number): void {
    const full = this.full
      ? !this.isWithin(this.live, RESUME_AT) || this.isBeyond(this.aside, MOST_ASIDE)
      : this.isBeyond(this.live, 1) || this.isBeyond(this.aside, MOST_ASIDE);
    if (full === this.full || this.closed) return;
    this.full = full;
    if (full) {
      this.tell(this.fullest());
      this.wakeAt(now + STALLED);
    }
    this.reading.setFull(full);
  }

  /** Has `check` called at this time, if it is not called before. */
  private wakeAt(at: number): void {
    if (this.closed || at === Infinity || (this.timer !== undefined && this.timer.at <= at)) return;
    this.timer?.alarm.cancel();
    this.timer = { at, alarm: this.clock.schedule(at - this.clock.now(), () => this.check()) };
  }

  private check(): void {
    this.timer = undefined;
    const now = this.clock.now();
    for (const share of [...this.busy]) {
      if (this.full && !share.aside && this.hasSeveralSubscriptions()) {
        if (now - share.progressAt >= STALLED) this.setAside(share, now);
        else this.wakeAt(share.progressAt + STALLED);
      }
      this.checkTime(share, now);
    }
    if (this.full) this.wakeAt(now + STALLED);
  }

  private checkTime(share: Share, now: number): void {
    const { consumer } = share;
    const { handlerTimeout } = consumer;
    let since = consumer.busySince;
    if (since !== undefined && now - since >= handlerTimeout) {
      consumer.timeOut(now);
      since = consumer.busySince;
    }
    if (since === undefined) return;
    const slowAt = since + handlerTimeout * SLOW_AFTER;
    if (now >= slowAt) this.tell(share);
    this.wakeAt(now < slowAt ? slowAt : since + handlerTimeout);
  }

  /** The subscription does not move, and the others shall. */
  private setAside(share: Share, now: number): void {
    this.tell(share);
    this.move(share, true);
    this.update(now);
  }

  private move(share: Share, aside: boolean): void {
    const [from, to] = aside ? [this.live, this.aside] : [this.aside, this.live];
    share.aside = aside;
    from.count -= share.count;
    from.bytes -= share.bytes;
    to.count += share.count;
    to.bytes += share.bytes;
  }

  private tell(share: Share | undefined): void {
    if (share === undefined || share.told) return;
    share.told = true;
    this.emitter.emit("slowConsumer", this.describe(share));
  }

  /** The share that takes most of the bound. */
  private fullest(): Share | undefined {
    let fullest: Share | undefined;
    let most = 0;
    for (const share of this.busy) {
      const part = Math.max(share.count / this.bounds.maximumCount, share.bytes / this.bounds.maximumBytes);
      if (part > most) [fullest, most] = [share, part];
    }
    return fullest;
  }

  private describe(share: Share): SlowConsumer {
    const { consumer, count, bytes } = share;
    const now = this.clock.now();
    return {
      topicFilters: consumer.topicFilters,
      waiting: count,
      waitingBytes: bytes,
      oldest: now - (consumer.oldest ?? now),
      bound: this.bounds,
    };
  }

  private isBeyond(held: Held, times: number): boolean {
    const { maximumCount, maximumBytes } = this.bounds;
    return held.count > maximumCount * times || held.bytes > maximumBytes * times;
  }

  private isWithin(held: Held, part: number): boolean {
    const { maximumCount, maximumBytes } = this.bounds;
    return held.count <= maximumCount * part && held.bytes <= maximumBytes * part;
  }
}

interface Held {
  count: number;
  bytes: number;
}

/** What is held for one subscription. */
export class Share implements Held {
  count = 0;
  bytes = 0;
  /** Whether it counts by itself, so that the others are read on. */
  aside = false;
  /** Whether the application was told that it is slow. */
  told = false;
  /** When something of it was finished last, or it began to hold something. */
  progressAt = 0;

  constructor(
    readonly consumer: Consumer,
    private readonly inbox: Inbox,
  ) {}

  now(): number {
    return this.inbox.now();
  }

  admits(bytes: number): boolean {
    return this.inbox.admits(this, bytes);
  }

  hold(bytes: number, now: number): void {
    this.inbox.hold(this, bytes, now);
  }

  release(bytes: number): void {
    this.inbox.release(this, bytes);
  }
}
