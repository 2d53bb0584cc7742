/** A source to which devices connect, by TCP or at a Unix socket. */

import { createServer, type Server, type Socket } from "node:net";
import type { TcpServerSettings, UnixSettings } from "../configuration/configuration.js";
import { AllowList } from "./allow-list.js";
import type { Channel } from "./channel.js";
import { greet } from "./greeting.js";
import type { Intake } from "./intake.js";
import { Listening } from "./listening.js";
import type { Source, SourceStatus } from "./source.js";
import { attach } from "./stream-wire.js";

/** Milliseconds that a device has for reading its last answers when the source stops. */
const LAST_ANSWERS = 250;

export class ServerSource implements Source {
  private readonly server: Server;
  private readonly listening: Listening;
  private readonly sockets = new Map<Socket, Channel>();
  private readonly allowed: AllowList;
  /** Connections that are closed, and have bytes that are not accepted. */
  private readonly closing = new Set<Promise<void>>();

  constructor(
    private readonly settings: TcpServerSettings | UnixSettings,
    private readonly intake: Intake,
  ) {
    const isTcp = settings.kind === "tcp-server";
    this.allowed = new AllowList(isTcp ? settings.allow : []);
    // A device may say its last and still wait for the answers: echo … | nc host port.
    this.server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.accept(socket));
    const at = isTcp ? settings.listen : settings;
    this.listening = new Listening(this.server, at, isTcp ? "tcp" : "unix", settings.id, intake.parts);
  }

  get status(): SourceStatus {
    return this.listening.status(this.sockets.size);
  }

  start(): Promise<void> {
    return this.listening.start();
  }

  async stop(): Promise<void> {
    const closed = this.listening.stop();
    for (const socket of this.sockets.keys()) socket.pause();
    await this.intake.stop();
    await Promise.all([...this.sockets.values()].map((channel) => channel.close()));
    for (const socket of this.sockets.keys()) socket.destroySoon();
    const timer = this.intake.parts.clock.schedule(LAST_ANSWERS, () => {
      for (const socket of this.sockets.keys()) socket.destroy();
    });
    await closed;
    timer.cancel();
    await Promise.all(this.closing);
  }

  private accept(socket: Socket): void {
    const { maxConnections, idle, id } = this.settings;
    const { log } = this.intake.parts;
    const peer = socket.remoteAddress ?? id; // a Unix socket has no address
    const why = !this.allowed.allows(peer)
      ? "its address is not in allow"
      : this.sockets.size + this.closing.size >= maxConnections
        ? `max_connections (${maxConnections}) is reached`
        : undefined;
    socket.on("error", (error) => log.debug("a connection failed", { source: id, peer, error: error.message }));
    if (why !== undefined) {
      log.warn("a connection was refused", { source: id, peer, why });
      socket.destroy();
      return;
    }
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
}
