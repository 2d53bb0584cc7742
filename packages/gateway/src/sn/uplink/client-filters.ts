/**
 * The subscriptions of one SN client at an MQTT client, which it may share with others. A message that several of its filters
 * match is delivered once. Knows no MQTT-SN.
 */

import type { Client, HandledSubscription, Message } from "@aiko/mqtt";
import { parseSharedFilter, topicFilterMatches } from "@aiko/mqtt/topic";
import type { SnFilter, SnMessage, SnSubscribed } from "../gateway/sn-uplink.js";

export interface ClientFilterParts {
  readonly client: Pick<Client, "subscribe" | "connected">;
  /**
   * Whether other SN clients use the same MQTT client. If so, a filter has one QoS at the server for all of them.
   */
  readonly isShared: boolean;
  /** Messages of one subscription that may be unacknowledged. */
  readonly concurrency: number;
  /** A message for the client. Returns what the acknowledgement waits for. Undefined: it waits for nothing. */
  deliver(message: SnMessage): Promise<void> | undefined;
}

interface Entry {
  readonly qos: 0 | 1 | 2;
  subscription: HandledSubscription | undefined;
}

/** A sleeping client takes as long as it sleeps. */
const NO_TIMEOUT = 2 ** 31 - 1;

export class ClientFilters {
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly parts: ClientFilterParts) {}

  /** Each filter and its QoS. */
  get all(): readonly SnFilter[] {
    return [...this.entries].map(([filter, { qos }]) => [filter, qos]);
  }

  /** @param isKnown whether the server has the subscription already, so that it need not send retained messages */
  async subscribe(filter: string, qos: 0 | 1 | 2, isKnown = false): Promise<SnSubscribed> {
    const { client, isShared, concurrency } = this.parts;
    const before = this.entries.get(filter);
    const entry: Entry = { qos, subscription: undefined };
    this.entries.set(filter, entry);
    try {
      const subscription = await client.subscribe(filter, {
        qos: isShared ? 2 : qos,
        concurrency,
        handlerTimeout: NO_TIMEOUT,
        ...(isKnown ? { retainHandling: 1 } : {}),
        onMessage: (message) => this.handle(filter, entry, message),
      });
      entry.subscription = subscription;
      if (this.entries.get(filter) !== entry)
        void end(subscription); // it was ended meanwhile
      else void end(before?.subscription);
      const [granted] = subscription.granted;
      const least = Math.min(qos, granted?.qos ?? 0) as 0 | 1 | 2;
      return { outcome: "accepted", qos: least };
    } catch {
      if (this.entries.get(filter) === entry) {
        if (before === undefined) this.entries.delete(filter);
        else this.entries.set(filter, before);
      }
      return { outcome: client.connected ? "refused" : "congestion" };
    }
  }

  /** Resolves to whether the server has ended the subscription. */
  async unsubscribe(filter: string): Promise<boolean> {
    const entry = this.entries.get(filter);
    this.entries.delete(filter);
    return entry === undefined || (await end(entry.subscription));
  }

  unsubscribeAll(): void {
    for (const { subscription } of this.entries.values()) void end(subscription);
    this.entries.clear();
  }

  /** Returns a promise if the message is acknowledged later. */
  private handle(filter: string, entry: Entry, { topic, payload, qos, retain }: Message): Promise<void> | undefined {
    if (this.entries.get(filter) !== entry) return undefined;
    // A retained message is sent for one subscription; of others, the best one delivers.
    if (!retain && this.best(topic) !== filter) return undefined;
    const message: SnMessage = { topic, payload, qos: Math.min(qos, entry.qos) as 0 | 1 | 2, retain };
    return this.parts.deliver(message);
  }

  /** The filter that matches with the highest QoS, of several the first. */
  private best(topic: string): string | undefined {
    if (this.entries.size === 1) for (const filter of this.entries.keys()) return filter;
    let found: string | undefined;
    let highest = -1;
    for (const [filter, { qos }] of this.entries) {
      if (qos <= highest || !topicFilterMatches(parseSharedFilter(filter)?.topicFilter ?? filter, topic)) continue;
      found = filter;
      highest = qos;
    }
    return found;
  }
}

async function end(subscription: HandledSubscription | undefined): Promise<boolean> {
  try {
    await subscription?.unsubscribe();
    return true;
  } catch {
    return false;
  }
}
