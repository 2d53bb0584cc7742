/** A source to which devices connect by TCP. */

import { BlockList, createServer, isIPv6, type Server, type Socket } from "node:net";
import type { TcpServerSettings } from "../configuration/configuration.js";
import type { Channel } from "./channel.js";
import type { Intake } from "./intake.js";
import { Listening } from "./listening.js";
import type { Source, SourceStatus } from "./source.js";

/** Bytes of answers that a device may leave unread before its connection is closed. */
const MOST_UNREAD = 2 ** 16;
/** Milliseconds that a device has for reading its last answers when the source stops. */
const LAST_ANSWERS = 250;

export class TcpServerSource implements Source {
  private readonly server: Server;
  private readonly listening: Listening;
  private readonly sockets = new Map<Socket, Channel>();
  private readonly allowed: BlockList | undefined;
  /** Connections that are closed, and have bytes that are not accepted. */
  private readonly closing = new Set<Promise<void>>();

  constructor(
    private readonly settings: TcpServerSettings,
    private readonly intake: Intake,
  ) {
    const { listen, id, allow } = settings;
    const { clock, log } = intake.parts;
    this.allowed = allow.length > 0 ? allowList(allow) : undefined;
    // A device may say its last and still wait for the answers: echo … | nc host port.
    this.server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.accept(socket));
    this.listening = new Listening(this.server, listen, "tcp", id, clock, log);
  }

  get status(): SourceStatus {
    const { isUp, url, lastError } = this.listening;
    return { state: isUp ? "up" : "down", connections: this.sockets.size, reopens: 0, lastError, url };
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
    const peer = socket.remoteAddress ?? "";
    const why = !this.allows(peer)
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
    const channel = this.intake.open(
      { peer, port: socket.localPort ?? 0 },
      {
        write: (bytes) => {
          if (!socket.writable) return;
          socket.write(bytes);
          if (socket.writableLength <= MOST_UNREAD) return;
          log.warn("a device does not read its answers; it is disconnected", { source: id, peer });
          socket.destroy();
        },
        pause: () => socket.pause(),
        resume: () => socket.resume(),
      },
    );
    this.sockets.set(socket, channel);
    socket.setTimeout(idle);
    socket.on("timeout", () => {
      // A device whose record is held waits for the answer.
      if (channel.isBusy) socket.setTimeout(idle);
      else socket.destroySoon();
    });
    socket.on("data", (bytes) => channel.receive(bytes));
    socket.on("end", () => void channel.close().then(() => socket.end()));
    socket.on("close", () => {
      this.sockets.delete(socket);
      const closing = channel.close().finally(() => this.closing.delete(closing));
      this.closing.add(closing);
    });
  }

  private allows(peer: string): boolean {
    if (this.allowed === undefined) return true;
    const address = peer.replace(/^::ffff:(?=[\d.]+$)/i, "");
    return this.allowed.check(address, isIPv6(address) ? "ipv6" : "ipv4");
  }
}

function allowList(allow: readonly string[]): BlockList {
  const list = new BlockList();
  for (const each of allow) {
    const [address = "", bits] = each.split("/");
    const family = isIPv6(address) ? "ipv6" : "ipv4";
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}
