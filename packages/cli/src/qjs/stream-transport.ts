/**
 * A Transport over two file descriptors, one to read and one to write. Its Way knows what they belong to, and what
 * their end means.
 */

import * as os from "qjs:os";
import type { Timer, Transport, TransportListener } from "@aiko/mqtt";
import { BytesIn } from "./bytes-in.js";
import { BytesOut } from "./bytes-out.js";
import { clock } from "./clock.js";

export interface Way {
  readonly input: number;
  readonly output: number;
  /** The most bytes of one write. */
  readonly step: number;
  /**
   * Called when the descriptors are closed. Calls back when nothing of the way is left, with the error if this side did
   * not close it.
   *
   * @param cause "peer": the peer ended the stream; "us": all bytes were written first, and may still be in transit;
   * "destroyed": closed immediately
   * @param heard whether a byte was ever received
   */
  close(cause: "peer" | "us" | "destroyed", heard: boolean, closed: (error?: Error) => void): void;
}

const EPIPE = 32;
/** Milliseconds in which earlier bytes may still be written after the peer has ended its side. */
const LAST_WORDS = 500;

export class StreamTransport implements Transport {
  private readonly bytesIn: BytesIn;
  private readonly bytesOut: BytesOut;
  private listener: TransportListener | undefined;
  /** `finishing`: written bytes are still sent, and the peer may end the stream. */
  private state: "open" | "finishing" | "closed" = "open";
  private outputClosed = false;
  private heard = false;
  /** Set when the peer has ended its side. */
  private lastWords: Timer | undefined;

  constructor(private readonly way: Way) {
    const received = (bytes: Uint8Array): void => {
      this.heard = true;
      this.listener?.onBytes(bytes);
    };
    this.bytesIn = new BytesIn(way.input, received, () => this.inputEnded());
    const drained = (): void => this.listener?.onDrain();
    this.bytesOut = new BytesOut(way.output, way.step, drained, (errno) => {
      // The pipe has no reader. The end of the stream gives the reason, after earlier bytes are read.
      if (errno === EPIPE && this.lastWords === undefined) this.bytesIn.resume();
      else this.close("peer");
    });
  }

  start(listener: TransportListener): void {
    this.listener = listener;
    this.bytesIn.resume();
  }

  write(bytes: Uint8Array): boolean {
    return this.bytesOut.write(bytes);
  }

  pause(): void {
    this.bytesIn.pause();
  }

  resume(): void {
    this.bytesIn.resume();
  }

  end(sent?: () => void): void {
    this.bytesOut.end(() => {
      this.state = "finishing";
      sent?.();
      if (this.way.input === this.way.output) {
        this.close("us"); // a serial line has no end of stream to wait for
        return;
      }
      this.closeOutput();
      this.bytesIn.resume();
    });
  }

  destroy(): void {
    this.close(this.state === "finishing" ? "us" : "destroyed");
  }

  private inputEnded(): void {
    if (this.state === "finishing" || this.bytesOut.isOver) {
      this.close(this.state === "finishing" ? "us" : "peer");
      return;
    }
    const close = (): void => this.close("peer");
    this.lastWords = clock.schedule(LAST_WORDS, close);
    this.bytesOut.end(close);
  }

  private closeOutput(): void {
    if (this.outputClosed) return;
    this.outputClosed = true;
    this.bytesOut.stop();
    os.close(this.way.output);
  }

  private close(cause: "peer" | "us" | "destroyed"): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.lastWords?.cancel();
    this.bytesIn.stop();
    this.closeOutput();
    if (this.way.input !== this.way.output) os.close(this.way.input);
    this.way.close(cause, this.heard, (error) => clock.defer(() => this.listener?.onClose(error)));
  }
}
