/** A place where a broker accepts connections: a port for TCP or WebSockets, with or without TLS, or a Unix socket. */

import type { EventEmitter } from "node:events";
import { createServer as createHttpServer, type ServerOptions as HttpServerOptions } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer, type Server, type Socket } from "node:net";
import {
  createSecureContext,
  createServer as createTlsServer,
  type SecureContextOptions,
  type TLSSocket,
  type TlsOptions,
  Server as TlsServer,
} from "node:tls";
import { type Pem, TransportError } from "@aiko/mqtt";
import { wrongOption } from "@aiko/mqtt/options";
import type { Arrival } from "../connecting/arrival.js";
import type { BrokerSettings } from "../options/broker-options.js";
import type { BrokerTls } from "../options/broker-tls.js";
import type { ListenerChange, PathPlace, Place, PortPlace } from "../options/listener-options.js";
import type { ListenerTerms } from "../options/listener-terms.js";
import { certificateOf } from "./client-certificate.js";
import { type Entrance, guarded } from "./entrance.js";
import { describeHandshakeFailure } from "./handshake-failure.js";
import { errorOfListening } from "./listening.js";
import { listenAtPath } from "./socket-path.js";
import { Strangers } from "./strangers.js";
import { upgradeOnly, webSocketUpgrade } from "./web-sockets.js";

/** They may change while the listener is open. */
type CurrentTerms = { -readonly [Name in keyof ListenerTerms]: ListenerTerms[Name] };

export class Listener {
  /** All open connections, during a TLS or WebSocket handshake and after it. */
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly accepted: Accepted,
    readonly url: string,
    readonly port: number,
    private readonly terms: CurrentTerms,
    private readonly settings: BrokerSettings,
    private readonly hasHandshake: boolean,
    private readonly requiresCertificate = false,
  ) {
    if (!hasHandshake) return;
    server.on("connection", (socket: Socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
    });
  }

  /** @throws UsageError OPTION_INVALID; TransportError LISTEN_FAILED */
  static at(place: Place, settings: BrokerSettings, entrance: Entrance): Promise<Listener> {
    if ("path" in place) return Listener.atPath(place, settings, entrance);
    return place.scheme === "mqtt"
      ? Listener.ofStreams(place, settings, entrance)
      : Listener.ofWebSockets(place, settings, entrance);
  }

  private static async atPath(place: PathPlace, settings: BrokerSettings, entrance: Entrance): Promise<Listener> {
    const { path, mode } = place;
    const terms = { ...place.terms };
    const url = `unix:${path}`;
    const accepted = new Accepted();
    const { name: listener = url, authenticate } = terms;
    const arrival = { listener, authenticate, place: accepted };
    const server = createServer((socket) => accepted.take(socket, entrance, arrival));
    limit(server, terms, settings, false);
    reportDrops(server, entrance);
    await listenAtPath(server, path, mode, settings.clock);
    return new Listener(server, accepted, url, 0, terms, settings, false);
  }

  private static async ofStreams(place: PortPlace, settings: BrokerSettings, entrance: Entrance): Promise<Listener> {
    const { host, tls } = place;
    const terms = { ...place.terms };
    const { name, authenticate } = terms;
    const accepted = new Accepted();
    const server = tls === undefined ? createServer({ noDelay: true }) : createTlsServer(tlsOptions(settings, tls));
    let url = "";
    limit(server, terms, settings, tls !== undefined);
    reportDrops(server, entrance);
    if (tls === undefined) {
      server.on("connection", (socket: Socket) =>
        accepted.take(socket, entrance, { listener: name ?? url, authenticate, place: accepted }),
      );
    } else {
      reportHandshakes(server, settings, entrance);
      const strangers = new Strangers(server, settings, entrance);
      server.on("secureConnection", (socket: TLSSocket) => {
        const deadline = strangers.deadlineOf(socket);
        const visit = strangers.visitOf(socket);
        const certificate = certificateOf(socket);
        const listener = name ?? url;
        accepted.take(socket, entrance, { deadline, visit, listener, authenticate, certificate, place: accepted });
      });
    }
    const chosen = await listenAtPort(server, place);
    url = urlOf(tls === undefined ? "mqtt" : "mqtts", host, chosen);
    return new Listener(server, accepted, url, chosen, terms, settings, tls !== undefined, tls?.clientCa !== undefined);
  }

  private static async ofWebSockets(place: PortPlace, settings: BrokerSettings, entrance: Entrance): Promise<Listener> {
    const { host, tls } = place;
    const terms = { ...place.terms };
    const server =
      tls === undefined
        ? createHttpServer(untimed, upgradeOnly)
        : createHttpsServer({ ...untimed, ...tlsOptions(settings, tls) }, upgradeOnly);
    limit(server, terms, settings, true);
    reportDrops(server, entrance);
    reportHandshakes(server, settings, entrance);
    const strangers = new Strangers(server, settings, entrance);
    const late = (): void =>
      entrance.refused(`WebSocket: no upgrade request within connectTimeout ${settings.connectTimeout} ms`);
    server.on(tls === undefined ? "connection" : "secureConnection", (socket: Socket) =>
      guarded(entrance, socket, () => strangers.hold(socket, late)),
    );
    const accepted = new Accepted();
    let url = "";
    const taken = {
      host: () => host,
      allowedOrigins: () => terms.allowedOrigins ?? settings.allowedOrigins,
      arrival: () => ({ listener: terms.name ?? url, authenticate: terms.authenticate, place: accepted }),
      opened: (socket: EventEmitter) => accepted.add(socket),
    };
    server.on("upgrade", await webSocketUpgrade(settings, strangers, entrance, taken));
    const chosen = await listenAtPort(server, place);
    url = urlOf(tls === undefined ? "ws" : "wss", host, chosen);
    return new Listener(server, accepted, url, chosen, terms, settings, true, tls?.clientCa !== undefined);
  }

  /** Stands for this listener in the arrivals of its connections. */
  get place(): object {
    return this.accepted;
  }

  /** Applies limits that have changed. */
  limitsChanged(): void {
    limit(this.server, this.terms, this.settings, this.hasHandshake);
  }

  /** @throws UsageError OPTION_INVALID, and nothing is changed */
  change({ tls, maximumConnections, allowedOrigins }: ListenerChange): void {
    if (tls !== undefined) this.renew(tls);
    if (allowedOrigins !== undefined) this.terms.allowedOrigins = allowedOrigins;
    if (maximumConnections === undefined) return;
    this.terms.maximumConnections = maximumConnections;
    this.limitsChanged();
  }

  private renew(tls: BrokerTls): void {
    const { server } = this;
    if (!(server instanceof TlsServer)) throw wrongOption("tls", `${this.url} does not use TLS`);
    // Node cannot begin or end to require certificates while it listens.
    if (this.requiresCertificate !== (tls.clientCa !== undefined))
      throw wrongOption("tls.clientCa", "cannot be added or removed; close the listener, and open another one");
    server.setSecureContext(tlsContext(tls));
  }

  /**
   * Stops accepting connections. Resolves when the accepted ones are closed, which `accept` must arrange. Others are
   * destroyed.
   */
  async close(): Promise<void> {
    if (!this.server.listening) return;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    await this.accepted.gone();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}

/** The streams and WebSockets that were passed on. */
export class Accepted {
  private readonly open = new Set<EventEmitter>();
  private whenGone: () => void = () => undefined;

  get size(): number {
    return this.open.size;
  }

  add(connection: EventEmitter): void {
    this.open.add(connection);
    connection.on("close", () => {
      this.open.delete(connection);
      if (this.open.size === 0) this.whenGone();
    });
  }

  take(stream: Socket, entrance: Entrance, arrival: Arrival): void {
    this.add(stream);
    guarded(entrance, stream, () => entrance.take(stream, { address: stream.remoteAddress, ...arrival }));
  }

  /** Resolves when all of them are closed. */
  async gone(): Promise<void> {
    if (this.open.size > 0)
      await new Promise<void>((resolve) => {
        this.whenGone = resolve;
      });
  }
}

/**
 * Disables Node's own request limits, which are only checked periodically. `Strangers` limits everything before
 * CONNECT.
 */
const untimed: HttpServerOptions = { headersTimeout: 0, requestTimeout: 0 };

function reportHandshakes(server: Server, { connectTimeout }: BrokerSettings, entrance: Entrance): void {
  server.on("tlsClientError", (error: Error, socket: TLSSocket) => {
    socket.destroy(); // a handshake that took too long: no other code destroys it
    if (server.listening) entrance.refused(describeHandshakeFailure(error, socket, connectTimeout));
  });
}

/** A handshake takes memory before there is a connection to count. So pending handshakes count, too. */
function limit(
  server: Server,
  { maximumConnections = Infinity }: CurrentTerms,
  settings: BrokerSettings,
  hasHandshake: boolean,
): void {
  server.maxConnections = Math.min(hasHandshake ? settings.maximumConnections : Infinity, maximumConnections);
}

function reportDrops(server: Server, entrance: Entrance): void {
  server.on("drop", () => entrance.full(server.maxConnections));
}

/** @throws UsageError OPTION_INVALID */
function tlsOptions(settings: BrokerSettings, tls: BrokerTls): TlsOptions {
  return {
    ...tlsContext(tls),
    noDelay: true,
    handshakeTimeout: settings.connectTimeout,
    ...(tls.clientCa !== undefined && { requestCert: true, rejectUnauthorized: true }),
  };
}

/** @throws UsageError OPTION_INVALID */
function tlsContext({ certificate, key, passphrase, clientCa }: BrokerTls): SecureContextOptions {
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
    throw wrongOption("tls", `key, passphrase or certificate is not valid: ${message}`);
  }
  return context;
}

function nodePem(pem: Pem): string | Buffer {
  return typeof pem === "string" ? pem : Buffer.from(pem);
}

/** Resolves to the port. */
async function listenAtPort(server: Server, { host, port }: { host: string; port: number }): Promise<number> {
  const error = await errorOfListening(server, { host, port });
  if (error !== undefined) {
    const why =
      error.code === "EADDRINUSE"
        ? "the port is already in use; stop the other process, or choose another port (0 picks a free one)"
        : error.message;
    throw new TransportError("LISTEN_FAILED", `cannot listen on ${host}:${port}: ${why}`, { cause: error });
  }
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function urlOf(scheme: string, host: string, port: number): string {
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `${scheme}://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}
