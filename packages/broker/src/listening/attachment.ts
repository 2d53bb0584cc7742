/** WebSockets on an HTTP server of the application, which also serves other requests. */

import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { holds, readOptions, wrongOption } from "@aiko/mqtt/options";
import type { BrokerSettings } from "../options/broker-options.js";
import { type ListenerTerms, termRules } from "../options/listener-terms.js";
import type { Entrance } from "./entrance.js";
import { Accepted } from "./listener.js";
import { webSocketUpgrade } from "./web-sockets.js";

/** Options of `broker.attach`. */
export interface AttachOptions extends ListenerTerms {
  /** The path of the upgrade requests that the broker accepts; other paths are left to other listeners. Default "/mqtt". */
  readonly path?: string | undefined;
}

const rules = {
  path: holds<string, string>(
    (value) => typeof value === "string" && value.startsWith("/") && !value.includes("?"),
    'must begin with "/" and have no query',
    "/mqtt",
  ),
  ...termRules,
} satisfies Record<keyof AttachOptions, unknown>;

export class Attachment {
  private readonly accepted = new Accepted();
  private upgrade: ((request: IncomingMessage, socket: Duplex, head: Buffer) => void) | undefined;

  private constructor(
    private readonly server: HttpServer | HttpsServer,
    private readonly entrance: Entrance,
    private readonly path: string,
    private readonly terms: ListenerTerms,
  ) {}

  /** @throws UsageError OPTION_UNKNOWN, OPTION_INVALID or TRANSPORT_UNAVAILABLE */
  static async to(
    server: HttpServer | HttpsServer,
    options: AttachOptions,
    settings: BrokerSettings,
    entrance: Entrance,
  ): Promise<Attachment> {
    const { path, ...terms } = readOptions(rules, options);
    if (typeof (server as Partial<HttpServer> | undefined)?.on !== "function")
      throw wrongOption("server", "must be a server of node:http or node:https");
    const attachment = new Attachment(server, entrance, path, terms);
    await attachment.begin(settings);
    return attachment;
  }

  /** Accepts no further WebSocket. */
  detach(): void {
    this.server.off("upgrade", this.received);
  }

  /** The same. Resolves when the accepted WebSockets are closed. */
  async close(): Promise<void> {
    this.detach();
    await this.accepted.gone();
  }

  private async begin(settings: BrokerSettings): Promise<void> {
    const { clock, connectTimeout } = settings;
    const { name = this.path, authenticate } = this.terms;
    const limits = {
      // The server may have kept the connection for earlier requests.
      deadlineOf: () => clock.now() + connectTimeout,
      letGo: () => undefined,
      visitOf: () => undefined,
    };
    this.upgrade = await webSocketUpgrade(settings, limits, this.entrance, {
      host: () => this.host,
      arrival: () => ({ listener: name, authenticate }),
      opened: (socket) => this.accepted.add(socket),
    });
    this.server.on("upgrade", this.received);
  }

  private get host(): string {
    const address = this.server.address();
    return typeof address === "object" && address !== null ? address.address : "";
  }

  private readonly received = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const { url = "" } = request;
    const query = url.indexOf("?");
    if ((query < 0 ? url : url.slice(0, query)) !== this.path) return;
    const { maximumConnections = Infinity } = this.terms;
    if (this.accepted.size < maximumConnections) {
      (socket as Socket).setTimeout?.(0); // of the HTTP server, for silent sockets
      this.upgrade?.(request, socket, head);
      return;
    }
    socket.on("error", () => undefined);
    socket.end("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n", () => socket.destroy());
    this.entrance.full(maximumConnections);
  };
}
