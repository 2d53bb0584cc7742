/**
 * The receiving side of a client: its subscriptions, the way of messages to them, and reading that stops while too many wait.
 * Puts these parts together; made with the first subscription or message, since many clients only publish.
 */

import type { PublishPacket } from "../codec/packets.js";
import type { MqttError, TimeoutError } from "../errors.js";
import type { Clock } from "../platform/clock.js";
import { IMPLEMENTATION_SPECIFIC_ERROR } from "../reason-code.js";
import type { ClientSession } from "../session/client-session.js";
import type { FilterRequest } from "../session/filter-requests.js";
import type { Delivery } from "../session/message-receiver.js";
import { AnswerWatch, type AnswerWatchOwner } from "./answer-watch.js";
import type { ClientEvents } from "./client-events.js";
import type { ClientSubscription } from "./client-subscription.js";
import type { ClientSettings } from "./connect-options.js";
import type { Connector } from "./connector.js";
import type { EventEmitter } from "./event-emitter.js";
import { Inbox, type InboxOwner, type SlowConsumer } from "./inbox.js";
import type { Message } from "./message.js";
import { Router, type RouterOwner } from "./router.js";
import { SubscriptionRegistry } from "./subscription-registry.js";
import { type Requester, Subscriptions } from "./subscriptions.js";

/** The reason code for a message that its handler failed with. */

export class Consumers implements RouterOwner, InboxOwner, Requester, AnswerWatchOwner {
  readonly subscriptions: Subscriptions;
  readonly router: Router;
  readonly inbox: Inbox;
  private readonly answerWatch: AnswerWatch;
  private full = false;
  private stopped = false;
  private readingStopped = false;
  private received = 0;
  private turnedAway = 0;

  constructor(
    { inbox: bounds, subscriptionIdentifiers }: Pick<ClientSettings, "inbox" | "subscriptionIdentifiers">,
    private readonly clock: Clock,
    private readonly session: ClientSession,
    private readonly connector: Pick<Connector, "fail" | "setPaused">,
    private readonly emitter: EventEmitter<ClientEvents>,
    /** Called when the application has finished with a message. */
    private readonly progressed: () => void,
  ) {
    const registry = new SubscriptionRegistry<ClientSubscription>();
    this.router = new Router(registry, bounds, clock, this);
    this.inbox = new Inbox(bounds, clock, this);
    this.subscriptions = new Subscriptions(this, registry, this.router, this.inbox, clock, subscriptionIdentifiers);
    this.answerWatch = new AnswerWatch(clock, this);
  }

  /** Messages that came. */
  get messagesReceived(): number {
    return this.received;
  }

  /** Messages told as `dropped`. */
  get messagesDropped(): number {
    return this.turnedAway;
  }

  message(packet: PublishPacket, delivery: Delivery | undefined): void {
    this.received++;
    if (this.stopped) {
      if (delivery !== undefined) this.session.withheld(delivery);
      return;
    }
    this.router.route(packet, delivery);
  }

  /** A packet came: it may have been what a full inbox waited for. */
  heard(): void {
    if (this.full) this.clock.defer(() => this.updateReading());
  }

  /** There is a connection again. */
  connected(): void {
    this.clock.defer(() => this.answerWatch.look()); // when what waited for the connection has been asked
  }

  /** As `Subscriptions.stop`. */
  stop(): Promise<unknown> | undefined {
    this.stopped = true;
    this.router.forgetUnclaimed();
    return this.subscriptions.stop();
  }

  /** The connection is gone. */
  lost(): void {
    this.router.forgetUnclaimed();
    this.subscriptions.withhold();
    this.answerWatch.look();
  }

  /** The client is closed: nothing will come any more. */
  close(error: MqttError | undefined): void {
    this.subscriptions.close(error);
    this.router.forgetUnclaimed();
    this.inbox.close();
  }

  /**
   * With a full inbox the client stops reading, so that the server has to wait. But not while it waits for the server itself:
   * a handler that publishes would wait for ever for an acknowledgement that nobody reads.
   */
  updateReading(): void {
    const stop = this.full && !this.session.awaitsServer;
    if (stop === this.readingStopped) return;
    this.readingStopped = stop;
    this.connector.setPaused(stop);
  }

  // What the parts tell.

  request(request: FilterRequest): void {
    this.session.request(request);
    this.answerWatch.look();
    this.updateReading();
  }

  withdrawRequest(request: FilterRequest, error: MqttError): void {
    this.session.withdrawRequest(request, error);
  }

  settled(): void {
    this.answerWatch.look();
  }

  get oldestUnanswered(): number {
    return this.session.oldestUnanswered;
  }

  unanswered(error: TimeoutError): void {
    this.session.suspectRequests();
    this.connector.fail(error);
  }

  withheld(delivery: Delivery): void {
    this.session.withheld(delivery);
  }

  returned(delivery: Delivery): Delivery | undefined {
    return this.session.returned(delivery);
  }

  finished(delivery: Delivery, failed: boolean): void {
    this.session.finished(delivery, failed ? IMPLEMENTATION_SPECIFIC_ERROR : 0);
    this.progressed();
  }

  handlerFailed(error: unknown): void {
    this.failed(error);
  }

  failed(error: unknown): void {
    this.emitter.emit("error", error);
  }

  unclaimed(message: Message): void {
    this.emitter.emit("unclaimed", message);
  }

  dropped(message: Message): void {
    this.turnedAway++;
    this.emitter.emit("dropped", message);
  }

  setFull(full: boolean): void {
    this.full = full;
    this.updateReading();
  }

  slowConsumer(slow: SlowConsumer): void {
    this.emitter.emit("slowConsumer", slow);
  }

  hasSeveralSubscriptions(): boolean {
    return this.subscriptions.size > 1;
  }
}
