/** Serves the broker's metrics and its health over HTTP. Knows nothing of what the numbers mean. */

import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { TransportError } from "@aiko/mqtt";
import type { MetricsSettings } from "./broker-configuration.js";

/** Connections that may be open. */
const MOST_CONNECTIONS = 32;
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** What is served. */
export interface MetricsSource {
  /** Returns the metrics as text. */
  metrics(): string;
  /** Returns why the broker does not work as it should; undefined if it does. */
  fault(): string | undefined;
}

export class MetricsServer {
  private constructor(private readonly server: Server) {}

  /** @throws TransportError LISTEN_FAILED if the address cannot be bound */
  static start({ listen, path }: MetricsSettings, source: MetricsSource): Promise<MetricsServer> {
    const server = createServer((request, response) => {
      const asked = (request.url ?? "").split("?", 1)[0];
      if (asked !== path && asked !== "/health") response.writeHead(404).end();
      else if (request.method !== "GET" && request.method !== "HEAD")
        response.writeHead(405, { allow: "GET, HEAD" }).end();
      else if (asked === path) response.writeHead(200, { "content-type": METRICS_TYPE }).end(source.metrics());
      else answerHealth(response, source.fault());
    });
    server.maxConnections = MOST_CONNECTIONS;
    const { host, port } = listen;
    return new Promise((resolve, reject) => {
      server.once("error", (cause: Error) => {
        const why = `metrics.listen: cannot listen on ${host}:${port}: ${cause.message}`;
        reject(new TransportError("LISTEN_FAILED", why, { cause }));
      });
      server.listen({ port, host: host === "" ? undefined : host, exclusive: true }, () =>
        resolve(new MetricsServer(server)),
      );
    });
  }

  /** The port on which it listens. */
  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }
}

function answerHealth(response: ServerResponse, fault: string | undefined): void {
  response.writeHead(fault === undefined ? 200 : 503, { "content-type": "text/plain; charset=utf-8" });
  response.end(`${fault ?? "ok"}\n`);
}
