/** The embedded broker: listens, and hands what connects to the hub. */

/// <reference lib="esnext.disposable" preserve="true" />

import type { Duplex } from "node:stream";
import { type Listener as EventListener, UsageError } from "@aiko/mqtt";
import { assertListener, type BrokerEvents, type BrokerStatistics } from "./broker-events.js";
import { type BrokerOptions, type BrokerSettings, isParsed, parseBrokerOptions } from "./broker-options.js";
import { type Arrival, ClientConnection } from "./client-connection.js";
import type { Entrance } from "./entrance.js";
import { Hub } from "./hub.js";
import { Listener } from "./listener.js";
import { StreamTransport } from "./stream-transport.js";

/** A broker for MQTT 3.1, 3.1.1 and 5.0 within this process. It keeps sessions and retained messages in memory. */
export class Broker {
  private readonly hub: Hub;
  private listeners: readonly Listener[] = [];

  private constructor(private readonly settings: BrokerSettings) {
    if (!isParsed(settings))
      throw new UsageError(
        "OPTION_INVALID",
        "Broker: new makes one that listens nowhere: write await Broker.listen({ port: 1883 })",
      );
    this.hub = new Hub(settings);
  }

  /**
   * Starts a broker. Resolves when it takes connections.
   *
   * @throws UsageError OPTION_UNKNOWN or OPTION_INVALID; TransportError LISTEN_FAILED if a port or path cannot be had
   * @example
   * await using broker = await Broker.listen({ port: 0 });
   * console.log(broker.url); // mqtt://127.0.0.1:41235
   */
  static async listen(options: BrokerOptions = {}): Promise<Broker> {
    const settings = parseBrokerOptions(options);
    const broker = new Broker(settings);
    const entrance: Entrance = {
      accept: (stream, arrival) => broker.accept(stream, arrival),
      full: () => broker.full(),
      refused: (reason) => broker.hub.refused(reason),
    };
    const { webSocketPort } = settings;
    try {
      broker.listeners = [await Listener.ofStreams(settings, entrance)];
      if (webSocketPort !== undefined) {
        broker.listeners = [...broker.listeners, await Listener.ofWebSockets(settings, webSocketPort, entrance)];
      }
    } catch (error) {
      await broker.close();
      throw error;
    }
    return broker;
  }

  /** The port in use; 0 at a Unix socket. */
  get port(): number {
    return this.listeners[0]?.port ?? 0;
  }

  /** For clients on this machine, or on others if `host` lets them: `mqtt://127.0.0.1:41235`. */
  get url(): string {
    return this.listeners[0]?.url ?? "";
  }

  /** The same for WebSockets, `ws://127.0.0.1:41236`; undefined without `webSocketPort`. */
  get webSocketUrl(): string | undefined {
    return this.listeners[1]?.url;
  }

  /** Registers a listener. Returns a function that removes it. */
  on<Name extends keyof BrokerEvents>(name: Name, listener: EventListener<BrokerEvents[Name]>): () => void {
    assertListener(name, listener);
    return this.hub.events.on(name, listener);
  }

  off<Name extends keyof BrokerEvents>(name: Name, listener: EventListener<BrokerEvents[Name]>): void {
    assertListener(name, listener);
    this.hub.events.off(name, listener);
  }

  get statistics(): BrokerStatistics {
    return this.hub.statistics;
  }

  /** Says goodbye to all clients and stops. Sessions and retained messages are forgotten. */
  async close(): Promise<void> {
    this.hub.close();
    await Promise.all(this.listeners.map((listener) => listener.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private accept(stream: Duplex, arrival: Arrival): ClientConnection | undefined {
    if (this.hub.connectionCount >= this.settings.maximumConnections) {
      stream.on("error", () => undefined).destroy();
      this.full();
      return undefined;
    }
    const { clock } = this.settings;
    const connection = new ClientConnection(new StreamTransport(stream), clock, this.settings, this.hub, arrival);
    this.hub.opened(connection);
    return connection;
  }

  private full(): void {
    this.hub.refused(`more than maximumConnections ${this.settings.maximumConnections}`);
  }
}
