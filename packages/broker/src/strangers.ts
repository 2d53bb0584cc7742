/**
 * By when a client must be let in, counted from the opening of its network connection: the handshakes of TLS and WebSocket, and CONNECT,
 * share one `connectTimeout`. Knows nothing of what is said on the connection.
 */

import type { Server, Socket } from "node:net";
import type { Timer } from "@aiko/mqtt";
import type { BrokerSettings } from "./broker-options.js";

export class Strangers {
  /** By the other end's address, which a TLS socket shares with the socket below it. */
  private readonly deadlines = new Map<string, number>();
  private readonly timers = new WeakMap<Socket, Timer>();

  constructor(
    server: Server,
    private readonly settings: Pick<BrokerSettings, "clock" | "connectTimeout">,
  ) {
    server.on("connection", (socket: Socket) => {
      const key = keyOf(socket);
      this.deadlines.set(key, settings.clock.now() + settings.connectTimeout);
      socket.once("close", () => this.deadlines.delete(key));
    });
  }

  /** By the broker's clock. */
  deadlineOf(socket: Socket): number {
    const { clock, connectTimeout } = this.settings;
    return this.deadlines.get(keyOf(socket)) ?? clock.now() + connectTimeout; // unknown: it has hung up, and has no address any more
  }

  /** Destroys `socket` at its deadline, unless it was let go by then. */
  hold(socket: Socket, late: () => void): void {
    const { clock } = this.settings;
    const timer = clock.schedule(Math.max(0, this.deadlineOf(socket) - clock.now()), () => {
      late();
      socket.destroy();
    });
    this.timers.set(socket, timer);
    socket.once("close", () => timer.cancel());
  }

  letGo(socket: Socket): void {
    this.timers.get(socket)?.cancel();
  }
}

function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
