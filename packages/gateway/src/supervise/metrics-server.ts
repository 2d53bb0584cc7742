/** Serves the metrics by HTTP. */

import { createServer } from "node:http";
import type { Clock } from "@aiko/mqtt";
import type { Log } from "@aiko/mqtt-configuration";
import type { MetricsSettings } from "../configuration/configuration.js";
import { Listening } from "../source/listening.js";

/** Connections that may be open. */
const MOST_CONNECTIONS = 32;

export class MetricsServer {
  private readonly server;
  private readonly listening: Listening;

  constructor(
    private readonly settings: MetricsSettings,
    text: () => string,
    clock: Clock,
    log: Log,
  ) {
    const { listen, path } = settings;
    this.server = createServer((request, response) => {
      const isKnown = (request.url ?? "").split("?", 1)[0] === path;
      const isRead = request.method === "GET" || request.method === "HEAD";
      if (!isKnown) response.writeHead(404).end();
      else if (!isRead) response.writeHead(405, { allow: "GET, HEAD" }).end();
      else response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(text());
    });
    this.server.maxConnections = MOST_CONNECTIONS;
    this.listening = new Listening(this.server, listen, "http", "metrics", { clock, log, condition: () => {} });
  }

  /** Where it listens, as a URL. Undefined while it does not. */
  get url(): string | undefined {
    const { url } = this.listening;
    return url && `${url}${this.settings.path}`;
  }

  start(): Promise<void> {
    return this.listening.start();
  }

  async stop(): Promise<void> {
    const closed = this.listening.stop();
    this.server.closeAllConnections();
    await closed;
  }
}
