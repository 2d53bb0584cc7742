/** Where a broker takes connections: a TCP port or a Unix socket, with or without TLS, and a port for WebSockets. */

import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer, type ListenOptions, type Server } from "node:net";
import type { Duplex } from "node:stream";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { type Pem, TransportError } from "@aiko/mqtt";
import type { BrokerSettings, BrokerTls } from "./broker-options.js";

/** Takes what connects. The stream is a socket, or a WebSocket's bytes. */
export type Accept = (stream: Duplex) => void;

export class Listener {
  private constructor(
    private readonly server: Server,
    readonly url: string,
    readonly port: number,
    private readonly farewell: () => void = () => undefined,
  ) {}

  /**
   * At the port or path of the settings.
   *
   * @throws TransportError LISTEN_FAILED
   */
  static async ofStreams(settings: BrokerSettings, accept: Accept): Promise<Listener> {
    const { host, port, path, tls } = settings;
    if (path !== undefined) {
      const server = createServer(accept);
      await listening(server, { path }, path);
      return new Listener(server, `unix:${path}`, 0);
    }
    const server =
      tls === undefined
        ? createServer({ noDelay: true }, accept)
        : createTlsServer({ ...tlsOptions(tls), noDelay: true }, accept).on("tlsClientError", () => undefined);
    const chosen = await listening(server, { host, port }, `${host}:${port}`);
    return new Listener(server, urlOf(tls === undefined ? "mqtt" : "mqtts", host, chosen), chosen);
  }

  /**
   * For WebSockets [MQTT-6.0.0-1 … 6.0.0-4]: their frames are binary, and are no packets.
   *
   * @throws TransportError LISTEN_FAILED
   */
  static async ofWebSockets(settings: BrokerSettings, port: number, accept: Accept): Promise<Listener> {
    const { createWebSocketStream, WebSocketServer } = await import("ws");
    const { host, tls, maximumPacketSize, maximumConnections } = settings;
    const server = tls === undefined ? createHttpServer(upgradeOnly) : createHttpsServer(tlsOptions(tls), upgradeOnly);
    server.maxConnections = maximumConnections;
    const sockets = new WebSocketServer({
      server,
      maxPayload: maximumPacketSize,
      perMessageDeflate: false,
      clientTracking: true,
      handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
    });
    sockets.on("error", () => undefined); // the server's own, which `listening` tells
    sockets.on("connection", (socket) => {
      if (socket.protocol === "") {
        socket.close(PROTOCOL_ERROR, "offer the subprotocol mqtt");
        return;
      }
      socket.on("message", (_, isBinary) => {
        if (!isBinary) stream.destroy(); // before its text is taken for packets
      });
      const stream = createWebSocketStream(socket);
      accept(stream);
    });
    const chosen = await listening(server, { host, port }, `${host}:${port}`);
    const terminate = (): void => {
      for (const socket of sockets.clients) socket.terminate();
    };
    return new Listener(server, urlOf(tls === undefined ? "ws" : "wss", host, chosen), chosen, terminate);
  }

  /** Takes no further connections. Resolves when those it took are gone. */
  async close(): Promise<void> {
    this.farewell();
    if (this.server.listening) await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}

/** `mqttv3.1` is what clients of MQTT 3.1 offer. */
const SUBPROTOCOLS = ["mqtt", "mqttv3.1"];
/** A close code of RFC 6455. */
const PROTOCOL_ERROR = 1002;

/** To what is no upgrade. */
function upgradeOnly(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(426, { upgrade: "websocket", "content-type": "text/plain" }).end("MQTT over WebSocket only\n");
}

function tlsOptions({ certificate, key, passphrase, clientCa }: BrokerTls): TlsOptions {
  return {
    cert: nodePem(certificate),
    key: nodePem(key),
    ...(passphrase !== undefined && { passphrase }),
    ...(clientCa !== undefined && { ca: [clientCa].flat().map(nodePem), requestCert: true, rejectUnauthorized: true }),
  };
}

function nodePem(pem: Pem): string | Buffer {
  return typeof pem === "string" ? pem : Buffer.from(pem);
}

/** Resolves to the port. */
async function listening(server: Server, where: ListenOptions, name: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.on("error", (error: Error & { code?: string }) => {
      const taken = where.path === undefined ? "the port is in use" : "the path is in use";
      const why = error.code === "EADDRINUSE" ? taken : error.message;
      reject(new TransportError("LISTEN_FAILED", `cannot listen on ${name}: ${why}`, { cause: error }));
    });
    server.listen(where, resolve);
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function urlOf(scheme: string, host: string, port: number): string {
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `${scheme}://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}
