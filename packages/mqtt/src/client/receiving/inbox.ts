/**
 * The received messages that the application has not finished: how many there may be, which subscription has them, and
 * since when. Above its bound, reading from the network stops, which blocks every subscription. So a subscription that
 * makes no progress is set aside, and its messages are then counted separately. Owns the one timer for all of this;
 * knows nothing of packets.
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
  /** Milliseconds that the application may take for one message. */
  readonly handlerTimeout: number;
  /** When the timed call or message started; undefined if nothing is timed. */
  readonly busySince: number | undefined;
  /** When the oldest unfinished message arrived; undefined if there is none. */
  readonly oldest: number | undefined;
  /** Called when the application took too long. */
  timeOut(now: number): void;
  /** Called when the outcome of the messages no longer matters. */
  abort(error: ClosedError): void;
}

/** If reading must go on, the inbox may hold this multiple of its bound. Above it, QoS 0 messages are dropped. */
const OVERFLOW = 2;
/**
 * Subscriptions that were set aside still receive QoS 1 and 2 messages. At this multiple of the bound, reading stops.
 */
const MOST_ASIDE = 3;
/** Stopped reading resumes when the held messages have shrunk to this part of the bound. */
const RESUME_AT = 0.5;
/** While reading is stopped, a subscription that has finished nothing for this many milliseconds is set aside. */
const STALLED = 1_000;
/** The part of `handlerTimeout` after which a subscription is reported as slow. */
const SLOW_AFTER = 0.5;

export class Inbox {
  /** The held messages that count against the bound for reading. */
  private readonly live: Held = { count: 0, bytes: 0 };
  /** The held messages of subscriptions that were set aside. */
  private readonly aside: Held = { count: 0, bytes: 0 };
  /** The shares that hold messages. */
  private readonly busy = new Set<Share>();
  private full = false;
  private closed = false;
  private timer: { readonly at: number; readonly alarm: Timer } | undefined;

  constructor(
    private readonly bounds: Bounds,
    private readonly clock: Clock,
    private readonly reading: Pick<Reading, "setFull">,
    private readonly emitter: EventEmitter<ClientEvents>,
    /** Whether there are subscriptions that wait only for the network. */
    private readonly hasSeveralSubscriptions: () => boolean,
  ) {}

  /** The current slow subscriptions. */
  get slowConsumers(): readonly SlowConsumer[] {
    return [...this.busy].filter((share) => share.told).map((share) => this.describe(share));
  }

  share(consumer: Consumer): Share {
    return new Share(consumer, this);
  }

  now(): number {
    return this.clock.now();
  }

  /** Called when the client is closed. Held messages then have no bound and no deadline, and no message is added. */
  close(): void {
    this.closed = true;
    this.timer?.alarm.cancel();
    this.timer = undefined;
    const closed = new ClosedError("CLIENT_CLOSED", "the client was closed while its message was being handled");
    for (const { consumer } of [...this.busy]) consumer.abort(closed);
  }

  /** @internal Returns whether there is room for one more QoS 0 message. Messages of QoS 1 and 2 are never refused. */
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

  /** Schedules `check` for this time, unless it is scheduled earlier. */
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

  /** Called when the subscription makes no progress and the others should. */
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

  /** The share that takes the largest part of the bound. */
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

/** The held messages of one subscription. */
export class Share implements Held {
  count = 0;
  bytes = 0;
  /** Whether it is counted separately, so that reading for the others continues. */
  aside = false;
  /** Whether it was reported as slow. */
  told = false;
  /** When one of its messages was last finished, or when it began to hold messages. */
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
