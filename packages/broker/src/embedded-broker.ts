/** The broker itself: listens, and hands what connects to the hub. */

import type { Duplex } from "node:stream";
import type { Listener as EventListener, Transport } from "@aiko/mqtt";
import { assertListener, type BrokerEvents, type BrokerStatistics } from "./broker-events.js";
import type { BrokerSettings } from "./broker-options.js";
import { type Arrival, ClientConnection } from "./client-connection.js";
import type { Entrance } from "./entrance.js";
import { Hub } from "./hub.js";
import { Listener } from "./listener.js";
import { type BrokerPublishOptions, ownMessage } from "./own-message.js";
import { StreamTransport } from "./stream-transport.js";

/** What applications hold of it is `Broker`. */
export class EmbeddedBroker implements Entrance {
  private readonly hub: Hub;
  private readonly listeners: Listener[] = [];

  constructor(private readonly settings: BrokerSettings) {
    this.hub = new Hub(settings);
  }

  /** @throws UsageError OPTION_INVALID; TransportError LISTEN_FAILED */
  async listen(): Promise<void> {
    try {
      for (const place of this.settings.places) this.listeners.push(await Listener.at(place, this.settings, this));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  get port(): number {
    return this.listeners[0]?.port ?? 0;
  }

  get url(): string {
    return this.listeners[0]?.url ?? "";
  }

  get urls(): readonly string[] {
    return this.listeners.map(({ url }) => url);
  }

  get statistics(): BrokerStatistics {
    return this.hub.statistics;
  }

  on<Name extends keyof BrokerEvents>(name: Name, listener: EventListener<BrokerEvents[Name]>): () => void {
    assertListener(name, listener);
    return this.hub.events.on(name, listener);
  }

  off<Name extends keyof BrokerEvents>(name: Name, listener: EventListener<BrokerEvents[Name]>): void {
    assertListener(name, listener);
    this.hub.events.off(name, listener);
  }

  publish(topic: string, payload: string | Uint8Array, options: BrokerPublishOptions = {}): number {
    const { clock, maximumTopicLevels } = this.settings;
    return this.hub.publish(ownMessage(topic, payload, options, maximumTopicLevels, clock.now()));
  }

  accept(transport: Transport): void {
    this.admit(transport, {});
  }

  async close(): Promise<void> {
    this.hub.close();
    await Promise.all(this.listeners.map((listener) => listener.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  take(stream: Duplex, arrival: Arrival): ClientConnection | undefined {
    return this.admit(new StreamTransport(stream), arrival);
  }

  full(): void {
    this.refused(`more than maximumConnections ${this.settings.maximumConnections}`);
  }

  refused(reason: string): void {
    this.hub.refused(reason);
  }

  private admit(transport: Transport, arrival: Arrival): ClientConnection | undefined {
    const { hub, settings } = this;
    if (hub.isClosed || hub.connectionCount >= settings.maximumConnections) {
      transport.destroy();
      if (!hub.isClosed) this.full();
      return undefined;
    }
    const connection = new ClientConnection(transport, settings.clock, settings, hub, arrival);
    hub.opened(connection);
    return connection;
  }
}
