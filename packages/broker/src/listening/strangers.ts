/**
 * When a client must have been accepted, counted from the opening of its network connection. The TLS and WebSocket
 * handshakes and CONNECT share one `connectTimeout`. Knows nothing of the data on the connection.
 */

import type { Server, Socket } from "node:net";
import type { Timer } from "@aiko/mqtt";
import type { BrokerSettings } from "../options/broker-options.js";

export class Strangers {
  /** By the client's address, which a TLS socket shares with the socket below it. */
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

  /** Returns the deadline, by the broker's clock. */
  deadlineOf(socket: Socket): number {
    const { clock, connectTimeout } = this.settings;
    return this.deadlines.get(keyOf(socket)) ?? clock.now() + connectTimeout; // closed: it has no address
  }

  /** Destroys `socket` at its deadline, unless it was released before. */
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
