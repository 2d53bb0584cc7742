/** A Transport over file descriptors: one to read, one to write. What is behind them, and what its end means, its Way knows. */

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
   * The descriptors are closed. Calls back when nothing of the way is left, with what went wrong if it was not we who closed it.
   *
   * @param cause "peer": it ended the stream; "us": everything was sent first, and may still be on its way; "destroyed": at once
   * @param heard whether a byte has ever come
   */
  close(cause: "peer" | "us" | "destroyed", heard: boolean, closed: (error?: Error) => void): void;
}

const EPIPE = 32;
/** Milliseconds in which a peer that has ended its side may still take what was written before. */
const LAST_WORDS = 500;

export class StreamTransport implements Transport {
  private readonly bytesIn: BytesIn;
  private readonly bytesOut: BytesOut;
  private listener: TransportListener | undefined;
  /** `finishing`: what was written is sent, and the peer may end the stream. */
  private state: "open" | "finishing" | "closed" = "open";
  private outputClosed = false;
  private heard = false;
  /** Set once the peer has ended its side. */
  private lastWords: Timer | undefined;

  constructor(private readonly way: Way) {
    const received = (bytes: Uint8Array): void => {
      this.heard = true;
      this.listener?.onBytes(bytes);
    };
    this.bytesIn = new BytesIn(way.input, received, () => this.inputEnded());
    const drained = (): void => this.listener?.onDrain();
    this.bytesOut = new BytesOut(way.output, way.step, drained, (errno) => {
      // A pipe without a reader: the end of the stream says the rest, once what came before it is read.
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
        this.close("us"); // a line that has no end of stream to wait for
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
