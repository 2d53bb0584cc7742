/** The hooks of one broker: what the rest of the broker asks before it publishes, subscribes or delivers. */

import type { Clock } from "@aiko/mqtt";
import type { BrokerSettings } from "../options/broker-options.js";
import { DeliveryGate, type GatedClient } from "./delivery-gate.js";
import { OpenAnswers } from "./open-answers.js";
import { PublishGate } from "./publish-gate.js";
import { SubscribeGate } from "./subscribe-gate.js";

export class Hooks {
  /** Undefined if there are no such hooks. */
  readonly publishing: PublishGate | undefined;
  readonly subscribing: SubscribeGate | undefined;
  private readonly clock: Clock;
  private readonly answers: OpenAnswers;

  /** @param report receives the errors of hooks */
  constructor(
    private readonly settings: BrokerSettings,
    report: (error: unknown) => void,
  ) {
    const { clock, hookTimeout, maximumTopicLevels, authorizeSubscribe } = settings;
    this.clock = clock;
    this.answers = new OpenAnswers(clock, hookTimeout, report);
    this.publishing = PublishGate.of(settings, this.answers, clock, maximumTopicLevels);
    if (authorizeSubscribe !== undefined) this.subscribing = new SubscribeGate(authorizeSubscribe, this.answers);
  }

  /** Returns the gate for the messages of one client; undefined if there is no such hook. */
  delivering(client: GatedClient): DeliveryGate | undefined {
    const { authorizeDeliver } = this.settings;
    return authorizeDeliver && new DeliveryGate(authorizeDeliver, this.answers, this.clock, client);
  }

  /** Stops waiting for answers: the broker is closed. */
  close(): void {
    this.answers.close();
  }
}
