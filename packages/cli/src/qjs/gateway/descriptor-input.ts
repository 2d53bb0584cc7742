/** A stream of the bytes that are read from a file descriptor. Does not know what it belongs to. */

import * as os from "qjs:os";
import { strerror } from "qjs:std";
import type { ByteInput } from "@aiko/mqtt-gateway/machine";
import { BytesIn } from "../bytes-in.js";
import { StreamEvents } from "./stream-events.js";

export class DescriptorInput extends StreamEvents implements ByteInput {
  readableEnded = false;
  destroyed = false;
  private readonly bytes: BytesIn;

  /** The stream owns the descriptor: it is closed when the stream is. */
  constructor(private readonly fd: number) {
    super();
    const received = (bytes: Uint8Array): void => this.emit("data", bytes);
    this.bytes = new BytesIn(fd, received, (errno) => {
      this.readableEnded = true;
      if (errno !== 0) this.emit("error", new Error(strerror(errno)));
      this.emit("end");
      this.destroy();
    });
  }

  override on(event: string, listener: (value: never) => void): this {
    super.on(event, listener);
    if (event === "data") this.resume();
    return this;
  }

  pause(): void {
    this.bytes.pause();
  }

  resume(): void {
    this.bytes.resume();
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.bytes.stop();
    os.close(this.fd);
    this.emit("close");
  }
}
