/**
 * The broker's statistics as retained messages below `$SYS/broker`, under mosquitto's names. Publishes what has changed,
 * at an interval.
 */

import type { Clock, Timer } from "@aiko/mqtt";
import type { BrokerStatistics } from "../broker-events.js";
import { Load, MINUTES } from "./load.js";

/** The current values, by the topic below `$SYS/broker`. */
const values: Readonly<Record<string, (statistics: BrokerStatistics) => number>> = {
  "clients/total": ({ sessions }) => sessions,
  "clients/connected": ({ connectedClients }) => connectedClients,
  "clients/disconnected": ({ sessions, connectedClients }) => Math.max(0, sessions - connectedClients),
  "clients/expired": ({ expiredSessions }) => expiredSessions,
  "messages/received": ({ packetsReceived }) => packetsReceived,
  "publish/messages/received": ({ messagesReceived }) => messagesReceived,
  "publish/messages/sent": ({ messagesDelivered }) => messagesDelivered,
  "publish/messages/dropped": ({ messagesDropped }) => messagesDropped,
  "publish/bytes/received": ({ payloadBytesReceived }) => payloadBytesReceived,
  "publish/bytes/sent": ({ payloadBytesDelivered }) => payloadBytesDelivered,
  "bytes/received": ({ bytesReceived }) => bytesReceived,
  "bytes/sent": ({ bytesSent }) => bytesSent,
  "retained messages/count": ({ retainedMessages }) => retainedMessages,
  "subscriptions/count": ({ subscriptions }) => subscriptions,
  "heap/current": ({ memory }) => memory,
};

/** The numbers whose rates are published, by the topic below `$SYS/broker/load`. */
const rates: Readonly<Record<string, (statistics: BrokerStatistics) => number>> = {
  "messages/received": ({ packetsReceived }) => packetsReceived,
  "publish/received": ({ messagesReceived }) => messagesReceived,
  "publish/sent": ({ messagesDelivered }) => messagesDelivered,
  "publish/dropped": ({ messagesDropped }) => messagesDropped,
  "bytes/received": ({ bytesReceived }) => bytesReceived,
  "bytes/sent": ({ bytesSent }) => bytesSent,
  sockets: ({ acceptedConnections }) => acceptedConnections,
};

/** What SysTopics needs of the broker. */
export interface Observed {
  readonly statistics: BrokerStatistics;
  publish(topic: string, payload: string, options: { readonly retain: true }): number;
}

export class SysTopics {
  private readonly loads = Object.keys(rates).map((name) => ({ name, load: new Load() }));
  /** The payload that each topic has now. */
  private readonly published = new Map<string, string>();
  private readonly startedAt: number;
  private updatedAt: number;
  private mostClients = 0;
  private mostMemory = 0;
  private timer: Timer | undefined;

  /**
   * Begins to publish.
   *
   * @param version the text of `$SYS/broker/version`
   * @param interval milliseconds between two updates
   */
  constructor(
    private readonly broker: Observed,
    private readonly clock: Clock,
    version: string,
    private readonly interval: number,
  ) {
    this.startedAt = clock.now();
    this.updatedAt = this.startedAt;
    this.put("version", version);
    this.update();
  }

  /** Stops publishing. The messages stay retained. */
  stop(): void {
    this.timer?.cancel();
  }

  private update(): void {
    const { statistics } = this.broker;
    const now = this.clock.now();
    const elapsed = now - this.updatedAt;
    this.updatedAt = now;
    this.mostClients = Math.max(this.mostClients, statistics.connectedClients);
    this.mostMemory = Math.max(this.mostMemory, statistics.memory);
    this.put("uptime", `${Math.floor((now - this.startedAt) / 1_000)} seconds`);
    this.put("clients/maximum", `${this.mostClients}`);
    this.put("heap/maximum", `${this.mostMemory}`);
    for (const [name, value] of Object.entries(values)) this.put(name, `${value(statistics)}`);
    for (const { name, load } of this.loads) {
      const averages = load.update(rates[name]?.(statistics) ?? 0, elapsed);
      for (const [i, minutes] of MINUTES.entries())
        this.put(`load/${name}/${minutes}min`, (averages[i] ?? 0).toFixed(2));
    }
    this.timer = this.clock.schedule(this.interval, () => this.update());
  }

  private put(name: string, payload: string): void {
    if (this.published.get(name) === payload) return;
    this.published.set(name, payload);
    this.broker.publish(`$SYS/broker/${name}`, payload, { retain: true });
  }
}
