/** The embedded broker as applications hold it. */

/// <reference lib="esnext.disposable" preserve="true" />

import type { Listener, Transport, WaitOptions } from "@aiko/mqtt";
import type { BrokerEvents, BrokerStatistics } from "./broker-events.js";
import { type BrokerOptions, parseBrokerOptions } from "./broker-options.js";
import { EmbeddedBroker } from "./embedded-broker.js";
import type { BrokerPublishOptions } from "./own-message.js";

/** A broker for MQTT 3.1, 3.1.1 and 5.0 within this process. It keeps sessions and retained messages in memory. */
export interface Broker {
  /** The port of the first listener. 0 if it listens at a Unix socket, or if there is no listener. */
  readonly port: number;
  /** Of the first listener, for clients on this machine, or on others if its host lets them: `mqtt://127.0.0.1:41235`. */
  readonly url: string;
  /** Of all listeners, in the order of the option `listeners`. */
  readonly urls: readonly string[];
  readonly statistics: BrokerStatistics;

  /**
   * Registers a listener. Returns a function that removes it. If the listener throws, or the promise that it returns is rejected, the reason is
   * an `error` event.
   */
  on<Name extends keyof BrokerEvents>(name: Name, listener: Listener<BrokerEvents[Name]>): () => void;
  /** As `on`, for the next such event only. */
  once<Name extends keyof BrokerEvents>(name: Name, listener: Listener<BrokerEvents[Name]>): () => void;
  /** Removes a listener of `on`. */
  off<Name extends keyof BrokerEvents>(name: Name, listener: Listener<BrokerEvents[Name]>): void;
  /**
   * Resolves to the value of the next such event.
   *
   * @throws ClosedError BROKER_CLOSED if the broker is closed, or is closed before the event comes; AbortedError if `signal` fires;
   * UsageError OPTION_UNKNOWN if there is no such event
   * @example const { clientId } = await broker.waitFor("connected", { signal: AbortSignal.timeout(5_000) });
   */
  waitFor<Name extends keyof BrokerEvents>(name: Name, options?: WaitOptions): Promise<BrokerEvents[Name]>;

  /**
   * Publishes a message of the application's own to all who subscribe to the topic. Returns the reason code that a client would get:
   * `ReasonCode.SUCCESS`, or `ReasonCode.NO_MATCHING_SUBSCRIBERS`.
   *
   * @throws UsageError, and then nothing was published
   * @example broker.publish("kitchen/light", "on", { retain: true });
   */
  publish(topic: string, payload: string | Uint8Array, options?: BrokerPublishOptions): number;
  /**
   * Takes a connection that the application made, for clients in this process or over any other way: the other end is the client's. It counts
   * as those of listeners do, and is destroyed beyond `maximumConnections` and when the broker is closed.
   *
   * @example
   * const dial = async () => {
   *   const [client, server] = memoryPair(platform.clock); // of @aiko/mqtt/testing
   *   broker.accept(server);
   *   return client;
   * };
   * const client = await connect("mqtt://broker", { dial });
   * @example
   * const link = new FaultyLink(clock, broker); // in a test, on a FakeClock: calls `accept` for each connection
   * const client = createClient("mqtt://broker", { platform: link.platform });
   */
  accept(transport: Transport): void;

  /** What tells this broker from others, for logs: no secrets. */
  toJSON(): Pick<Broker, "urls" | "statistics">;
  /** Ends all connections and stops. Sessions and retained messages are forgotten. */
  close(): Promise<void>;
  /** The same as `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

export const Broker = {
  /**
   * Starts a broker. Resolves when it accepts connections.
   *
   * @throws UsageError OPTION_UNKNOWN or OPTION_INVALID; TransportError LISTEN_FAILED if a port or path cannot be had
   * @example
   * await using broker = await Broker.listen({ port: 0 });
   * console.log(broker.url); // mqtt://127.0.0.1:41235
   */
  async listen<Port extends number | undefined>(options: BrokerOptions<Port> = {}): Promise<Broker> {
    const broker = new EmbeddedBroker(parseBrokerOptions(options));
    await broker.listen();
    return broker;
  },
};
