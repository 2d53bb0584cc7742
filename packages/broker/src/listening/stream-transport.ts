/** A network connection that a listener accepted, a socket or the bytes of a WebSocket, as the library's Transport. */

import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Transport, TransportListener } from "@aiko/mqtt";

const LISTENER: unique symbol = Symbol("the listener of a stream's transport");

interface Tapped extends Duplex {
  [LISTENER]?: TransportListener;
}

// All streams share these functions: thousands of idle connections have no closure of their own.
const ignored = (): void => undefined;
function received(this: Tapped, bytes: Uint8Array): void {
  this[LISTENER]?.onBytes(bytes);
}
function drained(this: Tapped): void {
  this[LISTENER]?.onDrain();
}
function closed(this: Tapped): void {
  this[LISTENER]?.onClose();
}

export class StreamTransport implements Transport {
  /** Whether the stream writes synchronously while it has room: a socket without TLS. */
  private readonly isPlainSocket: boolean;

  constructor(private readonly stream: Duplex) {
    this.isPlainSocket = stream instanceof Socket && !("encrypted" in stream);
    if (stream instanceof Socket) stream.setNoDelay(true);
    stream.on("error", ignored); // "close" follows and reports everything needed
  }

  start(listener: TransportListener): void {
    const stream: Tapped = this.stream;
    stream[LISTENER] = listener;
    stream.on("data", received).on("drain", drained).on("close", closed);
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
