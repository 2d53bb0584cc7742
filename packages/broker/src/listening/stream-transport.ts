/** A network connection that a listener accepted, a socket or the bytes of a WebSocket, as the library's Transport. */

import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Transport, TransportListener } from "@aiko/mqtt";

export class StreamTransport implements Transport {
  constructor(private readonly stream: Duplex) {
    if (stream instanceof Socket) stream.setNoDelay(true);
    stream.on("error", () => undefined); // "close" follows and reports everything needed
  }

  start(listener: TransportListener): void {
    const { stream } = this;
    stream.on("data", (bytes: Uint8Array) => listener.onBytes(bytes));
    stream.on("drain", () => listener.onDrain());
    stream.on("close", () => listener.onClose());
  }

  write(bytes: Uint8Array): boolean {
    return this.stream.write(bytes);
  }

  pause(): void {
    this.stream.pause();
  }

  resume(): void {
    this.stream.resume();
  }

  end(sent?: () => void): void {
    this.stream.end(sent);
  }

  destroy(): void {
    this.stream.destroy();
  }
}
