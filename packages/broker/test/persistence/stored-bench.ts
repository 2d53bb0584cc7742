// Brokers that follow each other on one store and one clock.
import type { BrokerOptions } from "@aiko/mqtt-broker";
import { Bench } from "../bench.ts";
import { TestStore } from "./test-store.ts";

export class StoredBench extends Bench {
  private constructor(
    readonly store: TestStore,
    private readonly options: BrokerOptions,
    clock?: Bench["clock"],
  ) {
    super({ store, ...options }, clock);
  }

  static async start(
    options: BrokerOptions = {},
    store = new TestStore(),
    clock?: Bench["clock"],
  ): Promise<StoredBench> {
    const bench = new StoredBench(store, options, clock);
    await bench.hub.open();
    bench.hub.started();
    return bench;
  }

  /** Kills the broker, and starts the next one. */
  async restart(options = this.options): Promise<StoredBench> {
    this.store.kill();
    return await StoredBench.start(options, this.store, this.clock);
  }

  /** Closes the broker, and starts the next one. */
  async close(): Promise<StoredBench> {
    this.hub.close();
    await this.hub.settled();
    return await StoredBench.start(this.options, this.store, this.clock);
  }
}
