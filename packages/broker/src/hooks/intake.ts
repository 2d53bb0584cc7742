/**
 * What clients publish and subscribe, on its way to the router: the hooks decide about it, and subscriptions of the
 * application receive it. While a decision is open, the client's connection handles no further packet.
 */

import type { Clock } from "@aiko/mqtt";
import { type PublishPacket, ReasonCode, type SubscribePacket, type Will } from "@aiko/mqtt/codec";
import type { Delivery, EventEmitter } from "@aiko/mqtt/session";
import type { Hearing } from "../application/application-queue.js";
import type { ApplicationSubscriptions } from "../application/application-subscriptions.js";
import type { BrokerEvents } from "../broker-events.js";
import type { KnownClient } from "../clients/known-client.js";
import { topicRefusal } from "../messages/permitted-publications.js";
import { type PublishedMessage, publishedMessage, willMessage } from "../messages/published-message.js";
import type { Router } from "../messages/router.js";
import type { BrokerJournal } from "../persistence/broker-journal.js";
import type { HookRefusal } from "./broker-hooks.js";
import type { Hooks } from "./hooks.js";
import type { PublishVerdict } from "./publish-gate.js";
import type { SubscribeVerdict } from "./subscribe-gate.js";

export class Intake {
  private closed = false;

  constructor(
    private readonly clock: Clock,
    private readonly events: EventEmitter<BrokerEvents>,
    private readonly hooks: Hooks,
    private readonly router: Router,
    private readonly application: ApplicationSubscriptions,
    private readonly journal?: Pick<BrokerJournal, "isFailing">,
  ) {}

  /** A client published a message. */
  publish(client: KnownClient, packet: PublishPacket, delivery: Delivery | undefined): void {
    const refusal = topicRefusal(packet.topic);
    if (refusal !== undefined) {
      this.refuse(client, packet.topic, refusal, delivery);
      return;
    }
    const gate = this.hooks.publishing;
    if (gate === undefined && this.forward(client, packet)) return;
    const message = publishedMessage(packet, client, this.clock.now());
    if (gate === undefined) {
      this.deliver(client, message, delivery);
      return;
    }
    const verdict = gate.decide(client.handle, message);
    if (verdict instanceof Promise)
      void this.later(client, verdict, (decided) => this.conclude(client, message, decided, delivery));
    else if (verdict !== message || !this.forward(client, packet)) this.conclude(client, message, verdict, delivery);
  }

  /** Passes an allowed QoS 0 message on at once, if only the subscribed clients receive it. Returns false otherwise. */
  private forward(client: KnownClient, packet: PublishPacket): boolean {
    const { events } = this;
    if (!this.application.isEmpty || !this.router.forward(packet, client)) return false;
    const { clientId } = client;
    if (events.has("published"))
      events.emit("published", { clientId, topic: packet.topic, bytes: packet.payload.length });
    return true;
  }

  /** Publishes the will of a client. Its expiry counts from now [MQTT5-3.1.3.2.4]. */
  publishWill(client: KnownClient, will: Will): void {
    const message = willMessage(will, client, this.clock.now());
    const refusal = topicRefusal(will.topic);
    if (refusal !== undefined) {
      this.refuse(client, will.topic, refusal, undefined);
      return;
    }
    const verdict = this.hooks.publishing?.decide(client.handle, message) ?? message;
    if (verdict instanceof Promise)
      verdict
        .then((decided) => {
          if (!this.closed) this.conclude(client, message, decided, undefined);
        })
        .catch((error: unknown) => this.events.emit("error", error));
    else this.conclude(client, message, verdict, undefined);
  }

  /** Publishes a message of the application. Returns the reason code that a client would receive. */
  publishOwn(message: PublishedMessage): number {
    const reasonCode = this.route(message);
    return this.application.deliver(message, false) === "unheard" ? reasonCode : ReasonCode.SUCCESS;
  }

  /** A client sent SUBSCRIBE. */
  subscribe(client: KnownClient, packet: SubscribePacket): void {
    const verdict = this.hooks.subscribing?.decide(client.handle, packet);
    if (verdict === undefined) this.router.subscribe(client, packet);
    else if (verdict instanceof Promise) void this.subscribeLater(client, verdict);
    else this.concludeSubscribe(client, verdict);
  }

  /** Open decisions have no effect: the broker is closed. */
  close(): void {
    this.closed = true;
    this.hooks.close();
    this.application.close();
  }

  /** Delivers a message that the hooks have allowed, and acknowledges it; or refuses it. */
  private conclude(
    client: KnownClient,
    { topic }: PublishedMessage,
    verdict: PublishVerdict,
    delivery: Delivery | undefined,
  ): void {
    if (verdict === "taken") acknowledge(client, delivery, ReasonCode.SUCCESS);
    else if ("reasonCode" in verdict) this.refuse(client, topic, verdict, delivery);
    else this.deliver(client, verdict, delivery);
  }

  private deliver(client: KnownClient, message: PublishedMessage, delivery: Delivery | undefined): void {
    if (delivery !== undefined && this.journal?.isFailing) {
      const refusal = { reasonCode: ReasonCode.QUOTA_EXCEEDED, reason: "the store cannot be written" };
      this.refuse(client, message.topic, refusal, undefined);
      client.refuseUnstored(delivery, refusal.reason);
      return;
    }
    const reasonCode = this.route(message, delivery !== undefined && client.version === 5);
    if (reasonCode >= REFUSED) {
      acknowledge(client, delivery, reasonCode);
      return;
    }
    const hearing = this.application.deliver(message, delivery !== undefined);
    if (hearing instanceof Promise && delivery?.qos === 2) client.journal?.open(delivery.packetIdentifier);
    if (hearing instanceof Promise)
      void this.later(client, hearing, (heard) => acknowledge(client, delivery, codes[heard] ?? reasonCode));
    else acknowledge(client, delivery, codes[hearing] ?? reasonCode);
  }

  /** @param isTold whether the publisher learns the reason code */
  private route(message: PublishedMessage, isTold = false): number {
    const { events } = this;
    const reasonCode = this.router.publish(message, isTold);
    if (reasonCode < REFUSED && events.has("published")) {
      const { topic, publisher: clientId } = message;
      events.emit("published", { clientId, topic, bytes: message.payload.length });
    }
    return reasonCode;
  }

  private concludeSubscribe(client: KnownClient, { packet, refusals }: SubscribeVerdict): void {
    const { clientId } = client;
    for (const [i, refusal] of refusals.entries()) {
      if (refusal === undefined) continue;
      const { reasonCode, reason = REFUSED_BY_HOOK } = refusal;
      const topicFilter = packet.subscriptions[i]?.topicFilter ?? "";
      this.events.emit("subscribeRefused", { clientId, topicFilter, reasonCode, reason });
    }
    this.router.subscribe(client, packet, refusals);
  }

  /** Has no effect if the client has disconnected meanwhile: it did not receive SUBACK, and subscribes again. */
  private async subscribeLater(client: KnownClient, verdict: Promise<SubscribeVerdict>): Promise<void> {
    const connection = client.connection;
    await this.later(client, verdict, (decided) => {
      if (connection !== undefined && connection === client.connection) this.concludeSubscribe(client, decided);
    });
  }

  /** Calls `conclude` with the decision. Until then, the client's connection handles no further packet. Never rejects. */
  private async later<Decision>(
    client: KnownClient,
    decision: Promise<Decision>,
    conclude: (decision: Decision) => void,
  ): Promise<void> {
    const { connection } = client;
    connection?.awaitDecision();
    try {
      const decided = await decision;
      if (!this.closed) conclude(decided);
    } catch (error) {
      if (connection === undefined) this.events.emit("error", error);
      else connection.failed(error);
    }
    connection?.decided();
  }

  private refuse(client: KnownClient, topic: string, refusal: HookRefusal, delivery: Delivery | undefined): void {
    const { clientId } = client;
    const { reasonCode, reason } = refusal;
    this.events.emit("publishRefused", { clientId, topic, reasonCode, reason: reason ?? REFUSED_BY_HOOK });
    const properties = reason === undefined ? undefined : { reasonString: reason };
    if (delivery !== undefined) client.session.finished(delivery, reasonCode, properties);
  }
}

const REFUSED_BY_HOOK = "refused by a hook of the application";

/** The first reason code of a refusal. */
const REFUSED = 0x80;

/** The reason codes for what subscriptions of the application made of a message. */
const codes: Readonly<Record<Hearing, number | undefined>> = {
  unheard: undefined,
  taken: ReasonCode.SUCCESS,
  refused: ReasonCode.QUOTA_EXCEEDED,
};

function acknowledge(client: KnownClient, delivery: Delivery | undefined, reasonCode: number): void {
  if (delivery !== undefined) client.finished(delivery, reasonCode);
}
