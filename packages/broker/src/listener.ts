/** Where a broker takes connections: a TCP port or a Unix socket, with or without TLS, and a port for WebSockets. */

import type { EventEmitter } from "node:events";
import { createServer as createHttpServer, type ServerOptions as HttpServerOptions } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer, type Server, type Socket } from "node:net";
import { createSecureContext, createServer as createTlsServer, type TLSSocket, type TlsOptions } from "node:tls";
import { type Pem, TransportError, UsageError } from "@aiko/mqtt";
import type { BrokerSettings, BrokerTls } from "./broker-options.js";
import { type Entrance, guarded } from "./entrance.js";
import { describeHandshakeFailure } from "./handshake-failure.js";
import { errorOfListening } from "./listening.js";
import { listenAtPath } from "./socket-path.js";
import { Strangers } from "./strangers.js";
import { takeWebSockets, upgradeOnly } from "./web-sockets.js";

export class Listener {
  /** What connected, in a handshake still or beyond it. */
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly accepted: Accepted,
    readonly url: string,
    readonly port: number,
  ) {
    server.on("connection", (socket: Socket) => {
      this.sockets.add(socket);
      socket.once("close", () => this.sockets.delete(socket));
    });
  }

  /**
   * At the port or path of the settings.
   *
   * @throws UsageError OPTION_INVALID; TransportError LISTEN_FAILED
   */
  static async ofStreams(settings: BrokerSettings, entrance: Entrance): Promise<Listener> {
    const { host, port, path, pathMode, tls, clock } = settings;
    const accepted = new Accepted();
    const accept = (stream: Socket, deadline?: number): void => {
      accepted.add(stream);
      guarded(entrance, stream, () => entrance.take(stream, { address: stream.remoteAddress, deadline }));
    };
    if (path !== undefined) {
      const server = createServer((socket) => accept(socket));
      await listenAtPath(server, path, pathMode, clock);
      return new Listener(server, accepted, `unix:${path}`, 0);
    }
    const server = tls === undefined ? createServer({ noDelay: true }) : createTlsServer(tlsOptions(settings, tls));
    if (tls === undefined) {
      server.on("connection", (socket: Socket) => accept(socket));
    } else {
      bound(server, settings, entrance);
      const strangers = new Strangers(server, settings);
      server.on("secureConnection", (socket: Socket) => accept(socket, strangers.deadlineOf(socket)));
    }
    const chosen = await listenAtPort(server, { host, port });
    return new Listener(server, accepted, urlOf(tls === undefined ? "mqtt" : "mqtts", host, chosen), chosen);
  }

  /**
   * For WebSockets.
   *
   * @throws UsageError OPTION_INVALID; TransportError LISTEN_FAILED
   */
  static async ofWebSockets(settings: BrokerSettings, port: number, entrance: Entrance): Promise<Listener> {
    const { host, tls } = settings;
    const server =
      tls === undefined
        ? createHttpServer(untimed, upgradeOnly)
        : createHttpsServer({ ...untimed, ...tlsOptions(settings, tls) }, upgradeOnly);
    bound(server, settings, entrance);
    const strangers = new Strangers(server, settings);
    const late = (): void =>
      entrance.refused(`WebSocket: no upgrade within connectTimeout ${settings.connectTimeout} ms`);
    server.on(tls === undefined ? "connection" : "secureConnection", (socket: Socket) =>
      guarded(entrance, socket, () => strangers.hold(socket, late)),
    );
    const accepted = new Accepted();
    await takeWebSockets(server, settings, strangers, entrance, (socket) => accepted.add(socket));
    const chosen = await listenAtPort(server, { host, port });
    return new Listener(server, accepted, urlOf(tls === undefined ? "ws" : "wss", host, chosen), chosen);
  }

  /** Takes no further connections. Resolves when those it took are gone, which is for `accept` to see to; others are cut. */
  async close(): Promise<void> {
    if (!this.server.listening) return;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    await this.accepted.gone();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}

/** Streams and WebSockets that were handed on. */
class Accepted {
  private readonly open = new Set<EventEmitter>();
  private whenGone: () => void = () => undefined;

  add(connection: EventEmitter): void {
    this.open.add(connection);
    connection.once("close", () => {
      this.open.delete(connection);
      if (this.open.size === 0) this.whenGone();
    });
  }

  /** Resolves when all of them are closed. */
  async gone(): Promise<void> {
    if (this.open.size > 0)
      await new Promise<void>((resolve) => {
        this.whenGone = resolve;
      });
  }
}

/** Node's own limits of a request, which are looked at now and then: `Strangers` limits all that comes before CONNECT. */
const untimed: HttpServerOptions = { headersTimeout: 0, requestTimeout: 0 };

/** A handshake costs memory before there is a connection to count: those under way count too, and have to end. */
function bound(server: Server, { maximumConnections, connectTimeout }: BrokerSettings, entrance: Entrance): void {
  server.maxConnections = maximumConnections;
  server.on("drop", () => entrance.full());
  server.on("tlsClientError", (error: Error, socket: TLSSocket) => {
    socket.destroy(); // one that took too long, nobody else does
    if (server.listening) entrance.refused(describeHandshakeFailure(error, socket, connectTimeout));
  });
}

/** @throws UsageError OPTION_INVALID */
function tlsOptions(settings: BrokerSettings, { certificate, key, passphrase, clientCa }: BrokerTls): TlsOptions {
  const context = {
    cert: nodePem(certificate),
    key: nodePem(key),
    ...(passphrase !== undefined && { passphrase }),
    ...(clientCa !== undefined && { ca: [clientCa].flat().map(nodePem) }),
  };
  try {
    createSecureContext(context);
  } catch (error) {
    const { message } = error as Error;
    throw new UsageError("OPTION_INVALID", `tls: key, passphrase or certificate is not right: ${message}`);
  }
  return {
    ...context,
    noDelay: true,
    handshakeTimeout: settings.connectTimeout,
    ...(clientCa !== undefined && { requestCert: true, rejectUnauthorized: true }),
  };
}

function nodePem(pem: Pem): string | Buffer {
  return typeof pem === "string" ? pem : Buffer.from(pem);
}

/** Resolves to the port. */
async function listenAtPort(server: Server, { host, port }: { host: string; port: number }): Promise<number> {
  const error = await errorOfListening(server, { host, port });
  if (error !== undefined) {
    const why = error.code === "EADDRINUSE" ? "the port is in use" : error.message;
    throw new TransportError("LISTEN_FAILED", `cannot listen on ${host}:${port}: ${why}`, { cause: error });
  }
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function urlOf(scheme: string, host: string, port: number): string {
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `${scheme}://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}
