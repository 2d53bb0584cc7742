/** The embedded broker: listens on a TCP port and hands what connects to the hub. */

import { createServer, type Server, type Socket } from "node:net";
import { TransportError } from "@aiko/mqtt";
import { type BrokerOptions, type BrokerSettings, parseBrokerOptions } from "./broker-options.js";
import { ClientConnection } from "./client-connection.js";
import { Hub } from "./hub.js";
import { SocketTransport } from "./socket-transport.js";

/** A snapshot. */
export interface BrokerStatistics {
  readonly connections: number;
  /** Sessions, with or without a connection. */
  readonly sessions: number;
  readonly subscriptions: number;
  readonly retainedMessages: number;
}

export class Broker {
  private readonly hub: Hub;

  private constructor(
    private readonly server: Server,
    private readonly settings: BrokerSettings,
  ) {
    this.hub = new Hub(settings);
    server.on("connection", (socket) => this.accept(socket));
  }

  /**
   * Starts a broker. Resolves when it takes connections.
   *
   * @throws UsageError OPTION_UNKNOWN or OPTION_INVALID; TransportError LISTEN_FAILED if the port cannot be had
   * @example
   * await using broker = await Broker.listen({ port: 0 });
   * console.log(broker.url); // mqtt://127.0.0.1:41235
   */
  static async listen(options: BrokerOptions = {}): Promise<Broker> {
    const settings = parseBrokerOptions(options);
    const server = createServer({ noDelay: true });
    const broker = new Broker(server, settings);
    const { host, port } = settings;
    await new Promise<void>((resolve, reject) => {
      server.on("error", (error: Error & { code?: string }) => {
        const why = error.code === "EADDRINUSE" ? "the port is in use" : error.message;
        reject(new TransportError("LISTEN_FAILED", `cannot listen on ${host}:${port}: ${why}`, { cause: error }));
      });
      server.listen({ host, port }, resolve);
    });
    return broker;
  }

  /** The port in use. */
  get port(): number {
    const address = this.server.address();
    return typeof address === "object" && address !== null ? address.port : this.settings.port;
  }

  /** For clients on this machine, or on others if `host` lets them: `mqtt://127.0.0.1:41235`. */
  get url(): string {
    const { host } = this.settings;
    const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
    return `mqtt://${reachable.includes(":") ? `[${reachable}]` : reachable}:${this.port}`;
  }

  get statistics(): BrokerStatistics {
    return this.hub.counts;
  }

  /** Says goodbye to all clients and stops. Sessions and retained messages are forgotten. */
  async close(): Promise<void> {
    this.hub.close();
    if (!this.server.listening) return;
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private accept(socket: Socket): void {
    if (this.hub.connectionCount >= this.settings.maximumConnections) {
      this.hub.refused(`more than maximumConnections ${this.settings.maximumConnections}`);
      socket.destroy();
      return;
    }
    this.hub.opened(new ClientConnection(new SocketTransport(socket), this.settings.clock, this.settings, this.hub));
  }
}
