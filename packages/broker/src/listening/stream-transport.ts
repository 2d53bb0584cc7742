/** A network connection that a listener accepted, a socket or the bytes of a WebSocket, as the library's Transport. */

import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Transport, TransportListener } from "@aiko/mqtt";

export class StreamTransport implements Transport {
  /** Whether the stream writes synchronously while it has room: a socket without TLS. */
  private readonly isPlainSocket: boolean;

  constructor(private readonly stream: Duplex) {
    this.isPlainSocket = stream instanceof Socket && !("encrypted" in stream);
    if (stream instanceof Socket) stream.setNoDelay(true);
    stream.on("error", () => undefined); // "close" follows and reports everything needed
  }

  start(listener: TransportListener): void {
    const { stream } = this;
    stream.on("data", (bytes: Uint8Array) => listener.onBytes(bytes));
    stream.on("drain", () => listener.onDrain());
    stream.on("close", () => listener.onClose());
  }

  get released(): boolean {
    return this.isPlainSocket && this.stream.writableLength === 0;
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
