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
  /** The path of the upgrade requests that the broker accepts. Default "/mqtt". */
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

/** The attached paths of each server. Each of them has one listener for upgrade requests. */
const pathsOf = new WeakMap<object, Set<string>>();

export class Attachment {
  private readonly accepted = new Accepted();
  private isDetached = false;
  private upgrade: ((request: IncomingMessage, socket: Duplex, head: Buffer) => void) | undefined;

  private constructor(
    private readonly server: HttpServer | HttpsServer,
    private readonly entrance: Entrance,
    private readonly path: string,
    private readonly terms: ListenerTerms,
    /** All attached paths of the server. */
    private readonly paths: Set<string>,
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
    const paths = pathsOf.get(server) ?? new Set();
    if (paths.has(path)) throw wrongOption("path", `"${path}" is already attached to this server; detach it first`);
    pathsOf.set(server, paths.add(path));
    const attachment = new Attachment(server, entrance, path, terms, paths);
    try {
      await attachment.begin(settings);
    } catch (error) {
      paths.delete(path);
      throw error;
    }
    return attachment;
  }

  /** Whether no WebSocket that it accepted is open. */
  get isUnused(): boolean {
    return this.accepted.size === 0;
  }

  /** Accepts no further WebSocket. */
  detach(): void {
    if (this.isDetached) return;
    this.isDetached = true;
    this.paths.delete(this.path);
    this.server.off("upgrade", this.received);
  }

  /** The same. Resolves when the accepted WebSockets are closed. */
  async close(): Promise<void> {
    this.detach();
    await this.accepted.gone();
  }

  private async begin(settings: BrokerSettings): Promise<void> {
    const { clock, connectTimeout } = settings;
    const { name = this.path, authenticate, allowedOrigins = settings.allowedOrigins } = this.terms;
    const limits = {
      // The server may have kept the connection for earlier requests.
      deadlineOf: () => clock.now() + connectTimeout,
      letGo: () => undefined,
      visitOf: () => undefined,
    };
    this.upgrade = await webSocketUpgrade(settings, limits, this.entrance, {
      host: () => this.host,
      allowedOrigins: () => allowedOrigins,
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
    const path = query < 0 ? url : url.slice(0, query);
    if (path !== this.path) {
      if (!this.paths.has(path) && this.server.listenerCount("upgrade") === this.paths.size) refuse(socket, NOT_FOUND);
      return;
    }
    const { maximumConnections = Infinity } = this.terms;
    if (this.accepted.size < maximumConnections) {
      (socket as Socket).setTimeout?.(0); // of the HTTP server, for silent sockets
      this.upgrade?.(request, socket, head);
      return;
    }
    refuse(socket, "503 Service Unavailable");
    this.entrance.full(maximumConnections);
  };
}

/** For a path that no listener of the server accepts. Otherwise, its socket would stay open without an error handler. */
const NOT_FOUND = "404 Not Found";

function refuse(socket: Duplex, status: string): void {
  if (socket.writableEnded) return; // another attachment has refused it
  socket.on("error", () => undefined);
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`, () => socket.destroy());
}
