/** Keeps the uplink subscribed to what the gateway receives. Knows nothing of records. */

import { type Client, ClosedError, type HandledSubscription } from "@aiko/mqtt";
import type { Log } from "../supervise/log.js";
import type { Inbound } from "./inbound.js";

/** Handlers have deadlines of their own. */
const NO_TIMEOUT = 2 ** 31 - 1;

export class Inbounds {
  /** What is received, and its subscription once the server has acknowledged it. */
  private readonly all = new Map<Inbound, HandledSubscription | undefined>();
  /** What the server did not accept. */
  private readonly refused = new Set<Inbound>();

  constructor(
    private readonly client: Client,
    private readonly log: Log,
  ) {
    client.on("connected", () => {
      for (const inbound of [...this.refused]) void this.subscribe(inbound);
    });
  }

  add(inbound: Inbound): void {
    this.all.set(inbound, undefined);
    void this.subscribe(inbound);
  }

  /** Resolves when the server has acknowledged it, or cannot be asked. */
  async remove(inbound: Inbound): Promise<void> {
    const subscription = this.all.get(inbound);
    this.all.delete(inbound);
    await subscription
      ?.unsubscribe()
      .catch((error: unknown) => this.log.debug(String(error), { filter: inbound.filter }));
  }

  /** Subscribes to all again: a client that was closed has forgotten its subscriptions. */
  renew(): void {
    for (const inbound of this.all.keys()) void this.subscribe(inbound);
  }

  private async subscribe(inbound: Inbound): Promise<void> {
    const { filter, qos, concurrency } = inbound;
    this.refused.delete(inbound);
    try {
      const subscription = await this.client.subscribe(filter, {
        qos,
        noLocal: true, // what the gateway publishes is no command
        concurrency,
        handlerTimeout: NO_TIMEOUT,
        onMessage: (message) => inbound.handle(message),
      });
      if (this.all.has(inbound)) this.all.set(inbound, subscription);
      else await subscription.unsubscribe();
    } catch (error) {
      if (error instanceof ClosedError || !this.all.has(inbound)) return; // the gateway stops, or subscribes again
      this.refused.add(inbound);
      this.log.warn("a subscription failed; it is tried on the next connection", {
        filter,
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }
}
