/**
 * Finds the subscriptions that a message is for, and knows when all of them have finished with it. Owns what waits for a
 * subscription that was not made yet.
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

/** Bytes that a payload's buffer may be longer than the payload, and the rest does not count. */
const LITTLE = 1_024;
/** How many milliseconds a message of a resumed session waits for the application to subscribe again. */
const CLAIM_TIME = 10_000;

export class Router {
  private turnedAway = 0;
  private unfinished = 0;
  /** Messages of a resumed session that came before the application subscribed again; unacknowledged. */
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

  /** Messages told as `dropped`. */
  get messagesDropped(): number {
    return this.turnedAway;
  }

  /** Messages that came and that the application has not finished with. */
  get pending(): number {
    return this.unfinished;
  }

  /** A subscription was made: what waited for it is routed again. */
  claim(): void {
    for (const { packet, delivery } of this.takeUnclaimed()) this.route(packet, delivery);
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
    this.claimsEnd = 0;
    this.claims?.cancel();
    this.claims = undefined;
    for (const { delivery } of this.takeUnclaimed()) this.session.returned(delivery);
  }

  /** A message came, or one that waited is to find its subscriptions anew. */
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

  /** @internal For a message of QoS 0 whose handler has not finished with it at once. */
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

  /** @internal All subscriptions are done with a message. */
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

  /** @internal What a handler threw or rejected with. */
  handlerFailed(error: unknown): void {
    this.emitter.emit("error", error);
  }

  /** @internal A subscription does not get the message: there is no room for it, or nobody takes it any more. */
  dropped(message: Message): void {
    this.turnedAway++;
    this.emitter.emit("dropped", message);
  }

  /** @internal There is no subscription for the message. */
  unclaimedMessage(message: Message): void {
    this.emitter.emit("unclaimed", message);
  }

  /** All subscriptions have finished with the message. */
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

/** What became of a message with the subscriptions that it was for; with several, the last of these that became of it with any. */
type Fate = "returned" | "withheld" | "handled" | "failed";

const ORDER: Readonly<Record<Fate, number>> = { returned: 0, withheld: 1, handled: 2, failed: 3 };

/** One message, and how many subscriptions have still to finish with it. */
class RoutedMessage implements Handled {
  since = 0;
  private fate: Fate = "returned";
  private bytes = -1;

  constructor(
    readonly message: Message,
    /** Undefined where there is no delivery, for which it might have to be routed again. */
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
