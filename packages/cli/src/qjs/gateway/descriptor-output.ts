/** What is written to a pipe. Does not know what reads it. */

import * as os from "qjs:os";
import type { ByteOutput } from "@aiko/mqtt-gateway/machine";
import { BytesOut, PIPE_STEP } from "../bytes-out.js";

export class DescriptorOutput implements ByteOutput {
  writable = true;
  /** At least so many bytes wait: those that were written since the pipe had no more room. */
  writableLength = 0;
  private readonly bytes: BytesOut;

  /** The object owns the descriptor. */
  constructor(private readonly fd: number) {
    const drained = (): void => {
      this.writableLength = 0;
    };
    this.bytes = new BytesOut(fd, PIPE_STEP, drained, () => this.destroy());
  }

  write(bytes: Uint8Array): void {
    if (this.writable && !this.bytes.write(bytes)) this.writableLength += bytes.length;
  }

  destroy(): void {
    if (!this.writable) return;
    this.writable = false;
    this.bytes.stop();
    os.close(this.fd);
  }
}
