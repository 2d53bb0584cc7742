/** Keeps the uplink subscribed to what the gateway receives. Knows nothing of records. */

import { type Client, ClosedError, type HandledSubscription, type Message } from "@aiko/mqtt";
import type { Log } from "@aiko/mqtt-configuration";
import type { Inbound } from "./inbound.js";

/** Handlers have deadlines of their own. */
const NO_TIMEOUT = 2 ** 31 - 1;

/** A subscription, and what receives its messages. */
interface Entry {
  /** Undefined: nothing does any more. */
  inbound: Inbound | undefined;
  /** Undefined until the server has acknowledged it. */
  subscription: HandledSubscription | undefined;
  /** Whether the server did not accept it. */
  isRefused: boolean;
  /** The same function each time, so that it is one subscription. */
  readonly onMessage: (message: Message) => Promise<void> | undefined;
}

export class Inbounds {
  private entries: Entry[] = [];

  constructor(
    private readonly client: Client,
    private readonly log: Log,
  ) {
    client.on("connected", () => {
      for (const entry of this.entries) if (entry.isRefused) void this.subscribe(entry);
    });
  }

  /**
   * Receives `after` instead of `before`. What has the same filter keeps its subscription: the server has no moment without it, and no message is
   * received twice.
   */
  change(before: readonly Inbound[], after: readonly Inbound[]): void {
    const old = this.entries.filter(({ inbound }) => inbound !== undefined && before.includes(inbound));
    for (const inbound of after) {
      const at = old.findIndex((entry) => entry.inbound !== undefined && isSame(entry.inbound, inbound));
      const [same] = at < 0 ? [] : old.splice(at, 1);
      if (same === undefined) this.add(inbound);
      else same.inbound = inbound;
    }
    for (const entry of old) this.remove(entry);
  }

  /** Subscribes to all again: a client that was closed has forgotten its subscriptions. */
  renew(): void {
    for (const entry of this.entries) void this.subscribe(entry);
  }

  private add(inbound: Inbound): void {
    const entry: Entry = {
      inbound,
      subscription: undefined,
      isRefused: false,
      onMessage: (message) => entry.inbound?.handle(message),
    };
    this.entries.push(entry);
    void this.subscribe(entry);
  }

  private remove(entry: Entry): void {
    this.entries = this.entries.filter((each) => each !== entry);
    entry.inbound = undefined;
    this.unsubscribe(entry);
  }

  private unsubscribe({ subscription }: Entry): void {
    subscription?.unsubscribe().catch((error: unknown) => this.log.debug(String(error)));
  }

  private async subscribe(entry: Entry): Promise<void> {
    if (entry.inbound === undefined) return;
    const { filter, qos, concurrency } = entry.inbound;
    entry.isRefused = false;
    try {
      entry.subscription = await this.client.subscribe(filter, {
        qos,
        noLocal: true, // what the gateway publishes is not a command
        concurrency,
        handlerTimeout: NO_TIMEOUT,
        onMessage: entry.onMessage,
      });
      if (entry.inbound === undefined) this.unsubscribe(entry);
    } catch (error) {
      if (error instanceof ClosedError || entry.inbound === undefined) return; // the gateway stops, or subscribes again
      entry.isRefused = true;
      this.log.warn("a subscription failed; it is tried on the next connection", {
        filter,
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }
}

/** Whether both have the same subscription. */
function isSame(one: Inbound, other: Inbound): boolean {
  return one.filter === other.filter && one.qos === other.qos && one.concurrency === other.concurrency;
}
