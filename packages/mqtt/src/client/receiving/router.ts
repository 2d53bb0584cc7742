/**
 * Finds the subscriptions of a message, and detects when all of them have finished it. Owns the messages that wait for
 * a subscription that was not made yet.
 */

import type { PublishPacket } from "../../codec/packets.js";
import type { EventEmitter } from "../../event-emitter.js";
import type { Clock, Timer } from "../../platform/clock.js";
import { IMPLEMENTATION_SPECIFIC_ERROR } from "../../reason-code.js";
import type { ClientSession } from "../../session/client-session.js";
import type { Delivery } from "../../session/incoming/message-receiver.js";
import { messageSize } from "../../session/outgoing/outgoing-message.js";
import type { ClientEvents } from "../client-events.js";
import type { Bounds } from "../connect-options.js";
import type { ClientSubscription } from "./client-subscription.js";
import type { Handled } from "./handled.js";
import { Message } from "./message.js";
import type { SubscriptionRegistry } from "./subscription-registry.js";

/** A payload's buffer may be this many bytes longer than the payload without being counted. */
const LITTLE = 1_024;
/** Milliseconds that a message of a resumed session waits for the application to subscribe again. */
const CLAIM_TIME = 10_000;

export class Router {
  private turnedAway = 0;
  private unfinished = 0;
  /** Messages of a resumed session that arrived before the application subscribed again. They are unacknowledged. */
  private unclaimed: { readonly packet: PublishPacket; readonly delivery: Delivery }[] = [];
  private unclaimedBytes = 0;
  private claimsEnd = 0;
  private claims: Timer | undefined;

  constructor(
    private readonly registry: SubscriptionRegistry<ClientSubscription>,
    private readonly bounds: Bounds,
    private readonly clock: Clock,
    private readonly session: Pick<ClientSession, "finished" | "withheld" | "returned">,
    private readonly emitter: EventEmitter<ClientEvents>,
    /** Called when the application has finished with a message. */
    private readonly progressed: () => void,
  ) {}

  /** The number of messages that were reported as `dropped`. */
  get messagesDropped(): number {
    return this.turnedAway;
  }

  /** The number of received messages that the application has not finished. */
  get pending(): number {
    return this.unfinished;
  }

  /** Called when a subscription is made. Messages that waited for it are routed again. */
  claim(): void {
    for (const { packet, delivery } of this.takeUnclaimed()) this.route(packet, delivery);
  }

  /**
   * Called when the server resumes a session whose subscriptions an earlier process may have made. Their messages wait
   * for this process to subscribe. After `CLAIM_TIME` they are acknowledged in any case [MQTT5-4.5.0-2].
   */
  awaitClaims(): void {
    this.claimsEnd = this.clock.now() + CLAIM_TIME;
  }

  /**
   * Discards unclaimed messages: the connection that must carry their acknowledgement is lost, and the server
   * redelivers them.
   */
  forgetUnclaimed(): void {
    this.claimsEnd = 0;
    this.claims?.cancel();
    this.claims = undefined;
    for (const { delivery } of this.takeUnclaimed()) this.session.returned(delivery);
  }

  /** Routes a received message, or one that waited. */
  route(packet: PublishPacket, delivery: Delivery | undefined): void {
    const message = new Message(packet, delivery?.name);
    const subscriptions = this.registry.recipients(
      packet.topic,
      packet.properties?.subscriptionIdentifiers,
      packet.retain,
    );
    if (subscriptions.length === 0 && delivery && this.mayWait()) {
      this.unclaimed.push({ packet, delivery });
      this.unclaimedBytes += messageSize(message);
      return;
    }
    if (subscriptions.length === 0) {
      this.unclaimedMessage(message);
      if (delivery !== undefined) this.finished(delivery, false);
      return;
    }
    if (delivery === undefined && subscriptions.length === 1) {
      const [only] = subscriptions as readonly [ClientSubscription];
      if (only.handleAtOnce(message, this)) return;
    }
    const routed = this.track(message, packet, delivery, subscriptions.length);
    for (const subscription of subscriptions) subscription.receive(routed);
  }

  /** @internal Called for a QoS 0 message if its handler has not finished yet. */
  trackUnacknowledged(message: Message): Handled {
    return this.track(message, undefined, undefined, 1);
  }

  private track(
    message: Message,
    packet: PublishPacket | undefined,
    delivery: Delivery | undefined,
    subscriptions: number,
  ): RoutedMessage {
    this.unfinished++;
    return new RoutedMessage(message, packet, delivery, subscriptions, this);
  }

  /** @internal All subscriptions have finished a message. */
  concluded(packet: PublishPacket | undefined, delivery: Delivery | undefined, fate: Fate): void {
    this.unfinished--;
    if (delivery === undefined || packet === undefined) return;
    if (fate === "handled" || fate === "failed") {
      this.finished(delivery, fate === "failed");
      return;
    }
    if (fate === "withheld") {
      this.session.withheld(delivery);
      return;
    }
    if (this.session.returned(delivery)) this.route(packet, delivery);
  }

  /** @internal Reports what a handler threw or rejected with. */
  handlerFailed(error: unknown): void {
    this.emitter.emit("error", error);
  }

  /**
   * @internal A subscription does not receive the message: there is no room, or the application no longer takes
   * messages.
   */
  dropped(message: Message): void {
    this.turnedAway++;
    this.emitter.emit("dropped", message);
  }

  /** @internal No subscription matches the message. */
  unclaimedMessage(message: Message): void {
    this.emitter.emit("unclaimed", message);
  }

  /** All subscriptions have finished the message. */
  private finished(delivery: Delivery, failed: boolean): void {
    this.session.finished(delivery, failed ? IMPLEMENTATION_SPECIFIC_ERROR : 0);
    this.progressed();
  }

  private takeUnclaimed(): readonly { readonly packet: PublishPacket; readonly delivery: Delivery }[] {
    const { unclaimed } = this;
    this.unclaimed = [];
    this.unclaimedBytes = 0;
    return unclaimed;
  }

  private mayWait(): boolean {
    const left = this.claimsEnd - this.clock.now();
    const { maximumCount, maximumBytes } = this.bounds;
    if (left <= 0 || this.unclaimed.length >= maximumCount || this.unclaimedBytes >= maximumBytes) return false;
    this.claims ??= this.clock.schedule(left, () => {
      this.claimsEnd = 0;
      this.claims = undefined;
      for (const { packet, delivery } of this.takeUnclaimed()) this.route(packet, delivery);
    });
    return true;
  }
}

/**
 * The outcome of a message at its subscriptions. With several subscriptions, the outcome that comes last in this list
 * counts.
 */
type Fate = "returned" | "withheld" | "handled" | "failed";

const ORDER: Readonly<Record<Fate, number>> = { returned: 0, withheld: 1, handled: 2, failed: 3 };

/** One message, and how many subscriptions have not finished it. */
class RoutedMessage implements Handled {
  since = 0;
  private fate: Fate = "returned";
  private bytes = -1;

  constructor(
    readonly message: Message,
    /** Undefined if there is no delivery, since the message is never routed again then. */
    private readonly packet: PublishPacket | undefined,
    private readonly delivery: Delivery | undefined,
    private remaining: number,
    private readonly router: Router,
  ) {}

  get size(): number {
    return this.bytes < 0 ? messageSize(this.message) : this.bytes;
  }

  get buffer(): ArrayBufferLike {
    return this.message.payload.buffer;
  }

  held(before: ArrayBufferLike | undefined): number {
    if (this.bytes < 0) {
      const { message, buffer } = this;
      const beyond = buffer.byteLength - message.payload.length;
      this.bytes = messageSize(message) + (buffer === before || beyond <= LITTLE ? 0 : beyond);
    }
    return this.bytes;
  }

  finished(error?: unknown): void {
    if (error !== undefined) this.router.handlerFailed(error);
    this.conclude(error === undefined ? "handled" : "failed");
  }

  refused(): void {
    this.router.dropped(this.message);
    this.conclude("failed");
  }

  disowned(): void {
    this.router.unclaimedMessage(this.message);
    this.conclude("handled");
  }

  withheld(): void {
    this.conclude("withheld");
  }

  returned(): void {
    this.conclude("returned");
  }

  private conclude(fate: Fate): void {
    if (ORDER[fate] > ORDER[this.fate]) this.fate = fate;
    this.remaining--;
    if (this.remaining === 0) this.router.concluded(this.packet, this.delivery, this.fate);
  }
}
