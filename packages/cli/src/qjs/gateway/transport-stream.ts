/** A transport of the client as a stream of a source. */

import type { Clock, Transport } from "@aiko/mqtt";
import type { ByteStream } from "@aiko/mqtt-gateway/machine";
import { StreamEvents } from "./stream-events.js";

export class TransportStream extends StreamEvents implements ByteStream {
  readonly allowHalfOpen = false;
  readonly readableEnded = false;
  destroyed = false;
  /** At least so many bytes wait: those that were written since the transport had no more room. */
  writableLength = 0;
  private isEnding = false;
  private isStarted = false;
  /** What came before somebody listened. */
  private early: Uint8Array | undefined;
  /** Called at the first bytes, or at the end. */
  private first: (error?: Error) => void = () => undefined;

  constructor(private readonly transport: Transport) {
    super();
  }

  get writable(): boolean {
    return !this.destroyed && !this.isEnding;
  }

  override on(event: string, listener: (value: never) => void): this {
    super.on(event, listener);
    if (event !== "data") return this;
    const { early } = this;
    this.early = undefined;
    this.start();
    if (early !== undefined) {
      this.emit("data", early);
      this.transport.resume();
    }
    return this;
  }

  /**
   * Waits whether the transport works: resolves at the first bytes, which are delivered to the first listener, or after so many milliseconds.
   * Rejects if the transport ends before.
   */
  settled(clock: Clock, patience: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const over = (error?: Error): void => {
        this.first = () => undefined;
        timer.cancel();
        if (error === undefined) resolve();
        else reject(error);
      };
      const timer = clock.schedule(patience, over);
      this.first = over;
      this.start();
    });
  }

  pause(): void {
    this.transport.pause();
  }

  resume(): void {
    if (this.isStarted) this.transport.resume();
  }

  write(bytes: Uint8Array): void {
    if (this.writable && !this.transport.write(bytes)) this.writableLength += bytes.length;
  }

  end(written: () => void): void {
    if (!this.writable) return;
    this.isEnding = true;
    this.transport.end(written);
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.start(); // its end is reported to a listener
    this.transport.destroy();
  }

  private received(bytes: Uint8Array): void {
    if (this.hasListener("data")) {
      this.emit("data", bytes);
      return;
    }
    this.early = bytes;
    this.transport.pause();
    this.first();
  }

  private start(): void {
    if (this.isStarted) return;
    this.isStarted = true;
    this.transport.start({
      onBytes: (bytes) => this.received(bytes),
      onDrain: () => {
        this.writableLength = 0;
      },
      onClose: (error) => {
        this.destroyed = true;
        this.first(error ?? new Error("the connection was closed by the other side"));
        if (error !== undefined) this.emit("error", error);
        this.emit("close");
      },
    });
  }
}
