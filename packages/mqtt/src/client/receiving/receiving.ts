/**
 * The receiving half of a client: its subscriptions, the routing of messages, and stopping to read while too many
 * messages wait. Created with the first subscription or message, since many clients only publish.
 */

import type { PublishPacket } from "../../codec/packets.js";
import type { MqttError } from "../../errors.js";
import type { EventEmitter } from "../../event-emitter.js";
import type { Clock } from "../../platform/clock.js";
import type { ClientSession } from "../../session/client-session.js";
import type { Delivery } from "../../session/incoming/message-receiver.js";
import type { ClientEvents } from "../client-events.js";
import type { ClientSettings } from "../connect-options.js";
import type { Connector } from "../connecting/connector.js";
import type { ClientSubscription } from "./client-subscription.js";
import { Inbox } from "./inbox.js";
import { Reading } from "./reading.js";
import { Router } from "./router.js";
import { SubscriptionRegistry } from "./subscription-registry.js";
import { Subscriptions } from "./subscriptions.js";

export class Receiving {
  readonly subscriptions: Subscriptions;
  readonly router: Router;
  readonly inbox: Inbox;
  readonly reading: Reading;
  private received = 0;
  private stopped = false;

  /** @param progressed called when the application has finished with a message */
  constructor(
    { inbox: bounds, subscriptionIdentifiers }: Pick<ClientSettings, "inbox" | "subscriptionIdentifiers">,
    private readonly clock: Clock,
    private readonly session: ClientSession,
    connector: Pick<Connector, "setPaused">,
    emitter: EventEmitter<ClientEvents>,
    client: { readonly connections: number },
    progressed: () => void,
  ) {
    const registry = new SubscriptionRegistry<ClientSubscription>();
    const reading = new Reading(session, connector);
    const router = new Router(registry, bounds, clock, session, emitter, progressed);
    const inbox = new Inbox(bounds, clock, reading, emitter, () => this.subscriptions.size > 1);
    const context = { client, session, registry, router, inbox, reading, emitter, clock };
    this.subscriptions = new Subscriptions(context, subscriptionIdentifiers);
    this.router = router;
    this.inbox = inbox;
    this.reading = reading;
  }

  /** The number of received messages. */
  get messagesReceived(): number {
    return this.received;
  }

  message(packet: PublishPacket, delivery: Delivery | undefined): void {
    this.received++;
    if (!this.stopped) this.router.route(packet, delivery);
    else if (delivery !== undefined) this.session.withheld(delivery);
  }

  /** Called when a packet was received: it may be the answer that reading went on for. */
  heard(): void {
    if (!this.reading.isWanted) this.clock.defer(() => this.reading.update());
  }

  /** The same as `Subscriptions.stop`. */
  stop(): Promise<unknown> | undefined {
    this.stopped = true;
    this.router.forgetUnclaimed();
    return this.subscriptions.stop();
  }

  /** Called when the connection is lost. */
  lost(): void {
    this.router.forgetUnclaimed();
    this.subscriptions.withhold();
  }

  /** Called when the client is closed: no message will arrive. */
  close(error: MqttError | undefined): void {
    this.subscriptions.close(error);
    this.router.forgetUnclaimed();
    this.inbox.close();
  }
}
