/**
 * When a client must have been accepted, counted from the opening of its network connection. The TLS and WebSocket
 * handshakes and CONNECT share one `connectTimeout`. Knows nothing of the data on the connection.
 */

import type { Server, Socket } from "node:net";
import type { Timer } from "@aiko/mqtt";
import type { Visit } from "../connecting/visit.js";
import type { BrokerSettings } from "../options/broker-options.js";
import type { Entrance } from "./entrance.js";

export class Strangers {
  /** By the client's address, which a TLS socket shares with the socket below it. */
  private readonly arrived = new Map<string, { readonly deadline: number; readonly visit: Visit }>();
  private readonly timers = new WeakMap<Socket, Timer>();

  constructor(
    server: Server,
    private readonly settings: Pick<BrokerSettings, "clock" | "connectTimeout">,
    entrance: Pick<Entrance, "enter">,
  ) {
    server.prependListener("connection", (socket: Socket) => {
      const visit = entrance.enter(socket.remoteAddress);
      if (visit === undefined) {
        socket.destroy();
        return;
      }
      const key = keyOf(socket);
      this.arrived.set(key, { deadline: settings.clock.now() + settings.connectTimeout, visit });
      socket.once("close", () => {
        this.arrived.delete(key);
        visit.ended();
      });
    });
  }

  /** Returns the deadline, by the broker's clock. */
  deadlineOf(socket: Socket): number {
    const { clock, connectTimeout } = this.settings;
    return this.arrived.get(keyOf(socket))?.deadline ?? clock.now() + connectTimeout; // closed: it has no address
  }

  /** Returns how the connection is counted; undefined if it is closed. */
  visitOf(socket: Socket): Visit | undefined {
    return this.arrived.get(keyOf(socket))?.visit;
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
