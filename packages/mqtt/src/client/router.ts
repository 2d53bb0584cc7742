/**
 * Finds the subscriptions that a message is for, and knows when all of them have finished with it. Owns the bound on what
 * waits for the application: past it, reading from the network stops.
 */

import type { PublishPacket } from "../codec/packets.js";
import type { Clock, Timer } from "../platform/clock.js";
import type { Delivery } from "../session/message-receiver.js";
import { messageSize } from "../session/outgoing-message.js";
import { parseSharedFilter } from "../topic/topic-filter.js";
import { TopicTree } from "../topic/topic-tree.js";
import type { Bounds } from "./connect-options.js";
import { Message } from "./message.js";
import type { Handled, Subscription } from "./subscription.js";

export interface RouterOwner {
  /** All subscriptions have finished with the message. */
  finished(delivery: Delivery, failed: boolean): void;
  /** What a handler threw or rejected with. */
  handlerFailed(error: unknown, message: Message): void;
  /** A message for which there is no subscription. */
  unclaimed(message: Message): void;
  /** The backlog is at its bound: reading should stop if it can. Or it has shrunk, and reading may go on. */
  setFull(full: boolean): void;
  /** A QoS 0 message for which there is no room, although reading has to go on. */
  dropped(message: Message): void;
}

/** So many times its bound the backlog may have while reading has to go on; then QoS 0 messages are dropped. */
const OVERFLOW = 2;
/** Once reading stopped, it goes on when the backlog has shrunk to this part of its bound. */
const RESUME_AT = 0.5;
/** How many milliseconds a message of a resumed session waits for the application to subscribe again. */
const CLAIM_TIME = 10_000;

export class Router {
  private readonly tree = new TopicTree<Subscription>();
  private waitingCount = 0;
  private waitingBytes = 0;
  private full = false;
  /** Messages of a resumed session that came before the application subscribed again; unacknowledged. */
  private unclaimed: { readonly packet: PublishPacket; readonly delivery: Delivery }[] = [];
  private unclaimedBytes = 0;
  private claimsEnd = 0;
  private claims: Timer | undefined;

  constructor(
    private readonly bounds: Bounds,
    private readonly clock: Clock,
    private readonly owner: RouterOwner,
  ) {}

  /** Messages that came and that the application has not finished with. */
  get pending(): number {
    return this.waitingCount;
  }

  /** Messages under `topicFilter` go to the subscription from now on, and those that waited for it. */
  add(subscription: Subscription, topicFilter: string): void {
    this.tree.add(matched(topicFilter), subscription);
    const unclaimed = this.unclaimed;
    this.unclaimed = [];
    this.unclaimedBytes = 0;
    for (const { packet, delivery } of unclaimed) this.route(packet, delivery);
  }

  /**
   * The server goes on with a session whose subscriptions an earlier process may have made: what comes under them waits a
   * while for this one to subscribe too, and is acknowledged then in any case [MQTT5-4.5.0-2].
   */
  awaitClaims(): void {
    this.claimsEnd = this.clock.now() + CLAIM_TIME;
  }

  /** Forgets what nobody claimed: the connection it must be acknowledged over is gone, and the server sends it again. */
  forgetUnclaimed(): void {
    this.unclaimed = [];
    this.unclaimedBytes = 0;
    this.claimsEnd = 0;
    this.claims?.cancel();
    this.claims = undefined;
  }

  delete(subscription: Subscription, topicFilter: string): void {
    this.tree.delete(matched(topicFilter), subscription);
  }

  route(packet: PublishPacket, delivery: Delivery | undefined): void {
    const message = new Message(packet);
    const subscriptions = this.subscriptionsFor(packet);
    if (subscriptions.length === 0 && delivery && this.mayWait()) {
      this.unclaimed.push({ packet, delivery });
      this.unclaimedBytes += messageSize(message);
      return;
    }
    if (subscriptions.length === 0) {
      this.owner.unclaimed(message);
      if (delivery !== undefined) this.owner.finished(delivery, false);
      return;
    }
    if (this.full && delivery === undefined && this.isBeyond(OVERFLOW)) {
      this.owner.dropped(message);
      return;
    }
    const handled = new RoutedMessage(
      message,
      subscriptions.length,
      (failed) => {
        this.release(message);
        if (delivery !== undefined) this.owner.finished(delivery, failed);
      },
      (error) => this.owner.handlerFailed(error, message),
    );
    this.hold(message);
    for (const subscription of subscriptions) subscription.receive(handled);
  }

  /**
   * Those whose filter matches the topic. Where the server says which subscriptions it sends this copy for, only those: it
   * may send another copy for another. Two subscriptions to one filter are one for the server.
   */
  private subscriptionsFor(packet: PublishPacket): Subscription[] {
    const matching: Subscription[] = [];
    this.tree.match(packet.topic, (subscription) => {
      if (!matching.includes(subscription)) matching.push(subscription);
    });
    const identifiers = packet.properties?.subscriptionIdentifiers;
    if (identifiers === undefined || matching.length < 2) return matching;
    const named = matching.filter((each) => identifiers.includes(each.identifier));
    if (named.length === 0) return matching; // of a subscription that an earlier process made
    const filters = new Set(named.flatMap((each) => each.topicFilters));
    return matching.filter((each) => named.includes(each) || each.topicFilters.some((filter) => filters.has(filter)));
  }

  private mayWait(): boolean {
    const left = this.claimsEnd - this.clock.now();
    const { maximumCount, maximumBytes } = this.bounds;
    if (left <= 0 || this.unclaimed.length >= maximumCount || this.unclaimedBytes >= maximumBytes) return false;
    this.claims ??= this.clock.schedule(left, () => {
      const { unclaimed } = this;
      this.forgetUnclaimed();
      for (const { packet, delivery } of unclaimed) this.route(packet, delivery);
    });
    return true;
  }

  private hold(message: Message): void {
    this.waitingCount++;
    this.waitingBytes += messageSize(message);
    if (this.full) return;
    if (!this.isBeyond(1)) return;
    this.full = true;
    this.owner.setFull(true);
  }

  private isBeyond(times: number): boolean {
    const { maximumCount, maximumBytes } = this.bounds;
    return this.waitingCount > maximumCount * times || this.waitingBytes > maximumBytes * times;
  }

  private release(message: Message): void {
    this.waitingCount--;
    this.waitingBytes -= messageSize(message);
    if (!this.full) return;
    const { maximumCount, maximumBytes } = this.bounds;
    if (this.waitingCount <= maximumCount * RESUME_AT && this.waitingBytes <= maximumBytes * RESUME_AT) {
      this.full = false;
      this.owner.setFull(false);
    }
  }
}

/** One message, and how many subscriptions have still to finish with it. */
class RoutedMessage implements Handled {
  private failed = false;

  constructor(
    readonly message: Message,
    private remaining: number,
    private readonly done: (failed: boolean) => void,
    private readonly report: (error: unknown) => void,
  ) {}

  finished(error?: unknown): void {
    if (error !== undefined) {
      this.failed = true;
      this.report(error);
    }
    this.remaining--;
    if (this.remaining === 0) this.done(this.failed);
  }
}

/** The filter that message topics are matched against. */
function matched(topicFilter: string): string {
  return parseSharedFilter(topicFilter)?.topicFilter ?? topicFilter;
}
