/** The embedded broker as applications hold it. */

/// <reference lib="esnext.disposable" preserve="true" />

import type { Listener as EventListener } from "@aiko/mqtt";
import type { BrokerEvents, BrokerStatistics } from "./broker-events.js";
import { type BrokerOptions, parseBrokerOptions } from "./broker-options.js";
import { EmbeddedBroker } from "./embedded-broker.js";

/** A broker for MQTT 3.1, 3.1.1 and 5.0 within this process. It keeps sessions and retained messages in memory. */
export interface Broker {
  /** The port in use; 0 at a Unix socket. */
  readonly port: number;
  /** For clients on this machine, or on others if `host` lets them: `mqtt://127.0.0.1:41235`. */
  readonly url: string;
  /** The same for WebSockets, `ws://127.0.0.1:41236`; undefined without `webSocketPort`. */
  readonly webSocketUrl: string | undefined;
  readonly statistics: BrokerStatistics;

  /** Registers a listener. Returns a function that removes it. */
  on<Name extends keyof BrokerEvents>(name: Name, listener: EventListener<BrokerEvents[Name]>): () => void;
  off<Name extends keyof BrokerEvents>(name: Name, listener: EventListener<BrokerEvents[Name]>): void;

  /** Ends all connections and stops. Sessions and retained messages are forgotten. */
  close(): Promise<void>;
  /** The same as `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

export const Broker = {
  /**
   * Starts a broker. Resolves when it takes connections.
   *
   * @throws UsageError OPTION_UNKNOWN or OPTION_INVALID; TransportError LISTEN_FAILED if a port or path cannot be had
   * @example
   * await using broker = await Broker.listen({ port: 0 });
   * console.log(broker.url); // mqtt://127.0.0.1:41235
   */
  async listen(options: BrokerOptions = {}): Promise<Broker> {
    const broker = new EmbeddedBroker(parseBrokerOptions(options));
    await broker.listen();
    return broker;
  },
};
