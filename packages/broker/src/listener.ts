/** Where a broker takes connections: a TCP port or a Unix socket, with or without TLS, and a port for WebSockets. */

import type { EventEmitter } from "node:events";
import {
  createServer as createHttpServer,
  type ServerOptions as HttpServerOptions,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createSecureContext, createServer as createTlsServer, type TLSSocket, type TlsOptions } from "node:tls";
import { type Pem, TransportError, UsageError } from "@aiko/mqtt";
import type { WebSocket } from "ws";
import type { BrokerSettings, BrokerTls } from "./broker-options.js";
import { type ClientConnection, STRANGERS_MAXIMUM } from "./client-connection.js";
import { describeHandshakeFailure } from "./handshake-failure.js";
import { errorOfListening } from "./listening.js";
import { listenAtPath } from "./socket-path.js";

export interface Entrance {
  /** Takes what connects, or refuses it. The stream is a socket, or a WebSocket's bytes. */
  accept(stream: Duplex): Pick<ClientConnection, "isStranger"> | undefined;
  /** A connection was closed before its handshake: there are `maximumConnections` already. */
  full(): void;
  /** A connection was closed before its handshake had come to its end. */
  refused(reason: string): void;
}

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
    const { host, port, path, tls, clock } = settings;
    const accepted = new Accepted();
    const accept = (stream: Duplex): void => {
      accepted.add(stream);
      entrance.accept(stream);
    };
    if (path !== undefined) {
      const server = createServer(accept);
      await listenAtPath(server, path, clock);
      return new Listener(server, accepted, `unix:${path}`, 0);
    }
    const server =
      tls === undefined ? createServer({ noDelay: true }, accept) : createTlsServer(tlsOptions(settings, tls), accept);
    if (tls !== undefined) bound(server, settings, entrance);
    const chosen = await listenAtPort(server, { host, port });
    return new Listener(server, accepted, urlOf(tls === undefined ? "mqtt" : "mqtts", host, chosen), chosen);
  }

  /**
   * For WebSockets [MQTT-6.0.0-1 … 6.0.0-4]: their frames are binary, and are no packets.
   *
   * @throws UsageError OPTION_INVALID; TransportError LISTEN_FAILED
   */
  static async ofWebSockets(settings: BrokerSettings, port: number, entrance: Entrance): Promise<Listener> {
    const { createWebSocketStream, WebSocketServer } = await import("ws");
    const { host, tls, maximumPacketSize } = settings;
    const times = requestTimes(settings);
    const server =
      tls === undefined
        ? createHttpServer(times, upgradeOnly)
        : createHttpsServer({ ...times, ...tlsOptions(settings, tls) }, upgradeOnly);
    bound(server, settings, entrance);
    const sockets = new WebSocketServer({
      server,
      maxPayload: maximumPacketSize,
      ...bounds,
      perMessageDeflate: false,
      autoPong: false,
      handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
    });
    const accepted = new Accepted();
    sockets.on("error", () => undefined); // the server's own, which `listenAtPort` tells
    sockets.on("connection", (socket, request) => {
      socket.on("error", () => undefined); // of a frame that is wrong: it is closed
      if (socket.protocol === "") {
        socket.close(PROTOCOL_ERROR, "offer the subprotocol mqtt");
        request.socket.destroySoon(); // and not when the client has said goodbye too, for which 30 s are waited
        return;
      }
      socket.on("ping", (data) => {
        if (socket.bufferedAmount < MOST_BEFORE_PONG) socket.pong(data); // answers that nobody reads must not pile up
      });
      socket.on("message", (_, isBinary) => {
        if (!isBinary) stream.destroy(); // before its text is taken for packets
      });
      const stream = createWebSocketStream(socket);
      stream.on("end", () => stream.destroy()); // or it waits, half open, for what can be sent no more
      accepted.add(socket);
      const client = entrance.accept(stream);
      boundMessages(socket, request.socket, () => client?.isStranger ?? true);
    });
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

/** `mqttv3.1` is what clients of MQTT 3.1 offer. */
const SUBPROTOCOLS = ["mqtt", "mqttv3.1"];
/** Bytes: a CONNECT in however many frames. */
const LONGEST_STRANGERS_MESSAGE = 2 * STRANGERS_MAXIMUM;
/** What the package ws bounds beside the length of a message; it counts, and each costs memory beside its bytes. */
const bounds = {
  /** Fragments that a message may come in: with 16 KiB in each, the longest packet. */
  maxFragments: 16_384,
  /** Chunks of the network that a frame may come in before it is complete: with 1 KiB in each, the longest packet. */
  maxBufferedChunks: 262_144,
  /** Milliseconds that the socket may stay when its WebSocket is over: the client may hold it open. */
  closeTimeout: 50,
};
/** Bytes that may wait to be sent when a ping is answered. */
const MOST_BEFORE_PONG = 65_536;
/** A close code of RFC 6455. */
const PROTOCOL_ERROR = 1002;

/** To what is no upgrade. */
function upgradeOnly(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(426, { upgrade: "websocket", "content-type": "text/plain" }).end("MQTT over WebSocket only\n");
}

/** A handshake costs memory before there is a connection to count: those under way count too, and have to end. */
function bound(server: Server, { maximumConnections, connectTimeout }: BrokerSettings, entrance: Entrance): void {
  server.maxConnections = maximumConnections;
  server.on("drop", () => entrance.full());
  server.on("tlsClientError", (error: Error, socket: TLSSocket) => {
    socket.destroy(); // one that took too long, nobody else does
    if (server.listening) entrance.refused(describeHandshakeFailure(error, socket, connectTimeout));
  });
}

/** A WebSocket keeps a message until its last frame has come, which for a stranger must not be as long as for a client. */
function boundMessages(socket: WebSocket, network: Socket, isStranger: () => boolean): void {
  let unfinished = 0;
  socket.on("message", () => {
    unfinished = 0;
  });
  network.on("data", (bytes: Uint8Array) => {
    unfinished += bytes.length;
    if (unfinished > LONGEST_STRANGERS_MESSAGE && isStranger()) socket.terminate();
  });
}

/** How long a request to upgrade may take; Node looks at intervals. */
function requestTimes({ connectTimeout }: BrokerSettings): HttpServerOptions {
  return {
    headersTimeout: connectTimeout,
    requestTimeout: connectTimeout,
    connectionsCheckingInterval: Math.min(connectTimeout, 1_000),
  };
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
