/** A server in memory behind the gateway: it takes what clients publish, and sends to them, after a time. */

import type { FakeClock, SeededRandom } from "@aiko/mqtt/testing";
import type {
  SnConnected,
  SnConnection,
  SnConnectionListener,
  SnDelivery,
  SnIdentity,
  SnMessage,
  SnOutcome,
  SnSubscribed,
  SnUplink,
} from "../../../src/sn/gateway/sn-uplink.ts";

/** The most milliseconds that the server takes to answer. */
const SLOWEST = 300;

export class ModelServer implements SnUplink {
  readonly isConnected = true;
  /** The topics and payloads that clients published, in order. */
  readonly published: string[] = [];
  private readonly listeners = new Map<string, SnConnectionListener>();

  constructor(
    private readonly clock: FakeClock,
    private readonly random: SeededRandom,
  ) {}

  /** Sends a message to a client. Resolves to what became of it. */
  async send(clientId: string, message: SnMessage): Promise<SnDelivery> {
    return (await this.listeners.get(clientId)?.deliver(message)) ?? "forgotten";
  }

  connect({ clientId }: SnIdentity, listener: SnConnectionListener): Promise<SnConnected> {
    this.listeners.set(clientId, listener);
    const accepted = { outcome: "accepted" } as const;
    const connection: SnConnection = {
      redelivers: false,
      publish: (message) => this.publish(message),
      subscribe: (_, qos): Promise<SnSubscribed> => this.later({ ...accepted, qos }),
      unsubscribe: () => this.later("accepted"),
      unsubscribeAll: () => undefined,
      changeWill: () => this.later("accepted"),
      disconnect: () => undefined,
      cut: () => undefined,
    };
    return this.later({ ...accepted, connection });
  }

  publish({ topic, payload }: SnMessage): Promise<SnOutcome> {
    this.published.push(`${topic} ${Buffer.from(payload).toString()}`);
    return this.later("accepted");
  }

  forget(): void {
    // nothing is kept
  }

  filtersOf(): readonly [] {
    return [];
  }

  restore(): void {
    // there was no earlier process
  }

  private later<Result>(result: Result): Promise<Result> {
    return new Promise((resolve) => {
      this.clock.schedule(this.random.integer(SLOWEST), () => resolve(result));
    });
  }
}
