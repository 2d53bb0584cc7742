/** A source to which devices connect, by TCP, with TLS or not, or at a Unix socket. */

import type { Socket } from "node:net";
import type { TcpServerSettings, UnixSettings } from "../configuration/configuration.js";
import { AllowList } from "./allow-list.js";
import type { Channel } from "./channel.js";
import { greet } from "./greeting.js";
import type { Intake } from "./intake.js";
import { Listening } from "./listening.js";
import type { Source, SourceStatus } from "./source.js";
import { createStreamServer, type StreamServer } from "./stream-server.js";
import { attach } from "./stream-wire.js";

/** Milliseconds that a device has for reading its last answers when the source stops. */
const LAST_ANSWERS = 250;

export class ServerSource implements Source {
  private readonly server: StreamServer;
  private readonly listening: Listening;
  private readonly sockets = new Map<Socket, Channel>();
  /** All connections, also those that cannot be used yet. */
  private readonly open = new Set<Socket>();
  private isStopped = false;
  private readonly allowed: AllowList;
  /** Connections that are closed, and have bytes that are not accepted. */
  private readonly closing = new Set<Promise<void>>();

  constructor(
    private readonly settings: TcpServerSettings | UnixSettings,
    private readonly intake: Intake,
  ) {
    const isTcp = settings.kind === "tcp-server";
    this.allowed = new AllowList(isTcp ? settings.allow : []);
    const tls = isTcp ? settings.tls : undefined;
    this.server = createStreamServer(tls, {
      admit: (socket) => this.admit(socket),
      serve: (socket) => this.serve(socket),
      failed: (socket, { message }) =>
        intake.parts.log.debug("a connection failed", { ...this.facts(socket), error: message }),
    });
    const at = isTcp ? settings.listen : settings;
    const scheme = isTcp ? (tls === undefined ? "tcp" : "tls") : "unix";
    const prepare = (): Promise<void> => this.server.prepare();
    this.listening = new Listening(this.server.server, at, scheme, settings.id, intake.parts, prepare);
  }

  get status(): SourceStatus {
    return this.listening.status(this.sockets.size);
  }

  start(): Promise<void> {
    return this.listening.start();
  }

  async refresh(): Promise<void> {
    if (this.listening.url !== undefined) await this.server.prepare(); // otherwise it is done before it listens
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    const closed = this.listening.stop();
    for (const socket of this.sockets.keys()) socket.pause();
    await this.intake.stop();
    await Promise.all([...this.sockets.values()].map((channel) => channel.close()));
    for (const socket of this.sockets.keys()) socket.destroySoon();
    const timer = this.intake.parts.clock.schedule(LAST_ANSWERS, () => {
      for (const socket of this.open) socket.destroy();
    });
    await closed;
    timer.cancel();
    await Promise.all(this.closing);
  }

  private admit(socket: Socket): boolean {
    const { maxConnections, id } = this.settings;
    const { log } = this.intake.parts;
    const { peer } = this.facts(socket);
    const why = !this.allowed.allows(peer)
      ? "its address is not in allow"
      : this.open.size + this.closing.size >= maxConnections
        ? `max_connections (${maxConnections}) is reached`
        : undefined;
    if (why !== undefined) {
      log.warn("a connection was refused", { source: id, peer, why });
      return false;
    }
    this.open.add(socket);
    socket.on("close", () => this.open.delete(socket));
    return true;
  }

  private serve(socket: Socket): void {
    if (this.isStopped) {
      socket.destroy();
      return;
    }
    const { idle } = this.settings;
    const { peer } = this.facts(socket);
    const channel = attach(this.intake, { peer, port: socket.localPort ?? 0 }, socket, socket, "full");
    this.sockets.set(socket, channel);
    socket.setTimeout(idle);
    socket.on("timeout", () => {
      // A device whose record is held waits for the answer.
      if (channel.isBusy) socket.setTimeout(idle);
      else socket.destroySoon();
    });
    socket.on("end", () => void channel.close().then(() => socket.end()));
    socket.on("close", () => {
      this.sockets.delete(socket);
      const closing = channel.close().finally(() => this.closing.delete(closing));
      this.closing.add(closing);
    });
    greet(this.settings, channel);
  }

  private facts(socket: Socket): { readonly source: string; readonly peer: string } {
    const { id } = this.settings;
    return { source: id, peer: socket.remoteAddress ?? id }; // a Unix socket has no address
  }
}
