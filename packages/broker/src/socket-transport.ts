/** A network connection that a server socket accepted, as the library's Transport. */

import type { Socket } from "node:net";
import type { Transport, TransportListener } from "@aiko/mqtt";

export class SocketTransport implements Transport {
  constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on("error", () => undefined); // "close" follows, and says all that is needed
  }

  start(listener: TransportListener): void {
    const { socket } = this;
    socket.on("data", (bytes) => listener.onBytes(bytes));
    socket.on("drain", () => listener.onDrain());
    socket.on("close", () => listener.onClose());
  }

  write(bytes: Uint8Array): boolean {
    return this.socket.write(bytes);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(sent?: () => void): void {
    this.socket.end(sent);
  }

  destroy(): void {
    this.socket.destroy();
  }
}
