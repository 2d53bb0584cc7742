/** What happens to a SUBSCRIBE before it has an effect: `authorizeSubscribe` decides about each topic filter. */

import type { SubscribePacket, SubscriptionRequest } from "@aiko/mqtt/codec";
import type { BrokerClient } from "../clients/broker-client.js";
import type { BrokerHooks, HookRefusal } from "./broker-hooks.js";
import { FAILED, isThenable, subscribeVerdict } from "./hook-answers.js";
import type { OpenAnswers } from "./open-answers.js";

/** The packet with the QoS that is granted, and the refusal of each filter that is refused, by its index. */
export interface SubscribeVerdict {
  readonly packet: SubscribePacket;
  readonly refusals: readonly (HookRefusal | undefined)[];
}

type Authorize = NonNullable<BrokerHooks["authorizeSubscribe"]>;

export class SubscribeGate {
  constructor(
    private readonly authorizeSubscribe: Authorize,
    private readonly answers: OpenAnswers,
  ) {}

  /** Never throws. The promise never rejects. Asks for one filter at a time. `hookTimeout` is for all of them. */
  decide(client: BrokerClient, packet: SubscribePacket): SubscribeVerdict | Promise<SubscribeVerdict> {
    const examination = new Examination(packet);
    const answer = this.next(client, examination);
    if (answer === undefined) return examination.verdict;
    const read = (): SubscribeVerdict => examination.verdict;
    return this.answers
      .within<SubscribeVerdict | undefined>(
        "authorizeSubscribe",
        this.finish(client, examination, answer),
        read,
        undefined,
      )
      .then((verdict) => verdict ?? examination.refuseRest());
  }

  /** Asks until an answer is a promise, which it returns. Returns undefined if all filters are decided. */
  private next(client: BrokerClient, examination: Examination): PromiseLike<unknown> | undefined {
    const { subscriptionIdentifier } = examination.packet.properties ?? {};
    for (let request = examination.request; request !== undefined; request = examination.request) {
      try {
        const answer: unknown = this.authorizeSubscribe(client, { ...request, subscriptionIdentifier });
        if (isThenable(answer)) return answer;
        examination.decide(subscribeVerdict(answer, request.qos));
      } catch (error) {
        this.answers.report(error);
        examination.decide(FAILED);
      }
    }
    return undefined;
  }

  private async finish(client: BrokerClient, examination: Examination, first: PromiseLike<unknown>): Promise<void> {
    for (let answer: PromiseLike<unknown> | undefined = first; answer !== undefined; ) {
      let verdict: ReturnType<typeof subscribeVerdict> = FAILED;
      try {
        const value = await answer;
        if (examination.request === undefined) return; // too late: the rest was refused
        verdict = subscribeVerdict(value, examination.request.qos);
      } catch (error) {
        if (examination.request === undefined) return;
        this.answers.report(error);
      }
      examination.decide(verdict);
      answer = this.next(client, examination);
    }
  }
}

/** A SUBSCRIBE whose filters are being decided, in order. */
class Examination {
  private readonly subscriptions: SubscriptionRequest[] = [];
  private readonly refusals: (HookRefusal | undefined)[] = [];

  constructor(readonly packet: SubscribePacket) {}

  /** The next request to decide about. */
  get request(): SubscriptionRequest | undefined {
    return this.packet.subscriptions[this.subscriptions.length];
  }

  get verdict(): SubscribeVerdict {
    return { packet: { ...this.packet, subscriptions: this.subscriptions }, refusals: this.refusals };
  }

  decide(verdict: ReturnType<typeof subscribeVerdict>): void {
    const { request } = this;
    if (request === undefined) throw new Error("bug: all filters are decided");
    const isRefused = typeof verdict === "object";
    this.refusals.push(isRefused ? verdict : undefined);
    this.subscriptions.push(isRefused || verdict === request.qos ? request : { ...request, qos: verdict });
  }

  refuseRest(): SubscribeVerdict {
    while (this.request !== undefined) this.decide(FAILED);
    return this.verdict;
  }
}
