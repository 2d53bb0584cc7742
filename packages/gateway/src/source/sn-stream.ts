/**
 * A stream as a carrier of MQTT-SN: a serial line, or a TCP connection to one. Each message begins with its length. One client
 * is at the other end, or a forwarder for several. Knows no message.
 */

import type { Clock } from "@aiko/mqtt";
import { FrameSplitter } from "../sn/codec/frame-splitter.js";
import { Deadline } from "../sn/gateway/deadline.js";
import type { SnPeer } from "../sn/gateway/route.js";
import type { ByteStream } from "./byte-stream.js";
import type { SnCarrier, SnCarrierListener } from "./sn-carrier.js";
import type { Opened, Opener } from "./stream-source.js";

/** Milliseconds of silence within a message after which it is dropped: the rest is lost. */
const GAP = 50;
/** The most bytes of a message with its encapsulation. */
const MOST_BYTES = 65_535 + 255;
/** Bytes that may wait for the line. Beyond, messages are lost, as datagrams are. */
const MOST_UNSENT = 2 ** 16;

export interface SnStreamParts {
  /** The id of the source. */
  readonly source: string;
  readonly clock: Clock;
  readonly opener: Opener;
  readonly listener: SnCarrierListener;
}

export class SnStream implements SnCarrier {
  readonly kernelDrops = undefined;
  private readonly closing = new AbortController();
  private readonly opening: Promise<void>;
  private stream: ByteStream | undefined;
  /** Resolves when the stream is closed, and what belongs to it is free. */
  private closed: Promise<void> = Promise.resolve();

  /** Opens the stream. */
  constructor(private readonly parts: SnStreamParts) {
    this.opening = this.open();
  }

  send(_peer: SnPeer, bytes: Uint8Array): void {
    this.broadcast(bytes);
  }

  broadcast(bytes: Uint8Array): void {
    const { stream } = this;
    if (stream?.writable && stream.writableLength <= MOST_UNSENT) stream.write(bytes);
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.opening;
    this.stream?.destroy();
    await this.closed;
  }

  private async open(): Promise<void> {
    const { opener, listener } = this.parts;
    const { signal } = this.closing;
    try {
      const opened = await opener.open(signal);
      if (signal.aborted) {
        opened.stream.destroy();
        await opened.release?.();
      } else {
        this.attach(opened);
      }
    } catch (error) {
      if (!signal.aborted) listener.failed(error instanceof Error ? error.message : String(error));
    }
  }

  private attach({ stream, url, release }: Opened): void {
    const { source, clock, listener } = this.parts;
    const peer: SnPeer = { address: source, host: source, isShared: true };
    const splitter = new FrameSplitter(
      { maxFrame: MOST_BYTES, gap: GAP },
      {
        frame: (bytes, start, end) => listener.received(bytes.subarray(start, end), peer),
        broken: (reason, detail) => listener.broken(reason === "checksum" ? "malformed" : reason, detail),
      },
    );
    const silence = new Deadline(clock, () => splitter.advance(clock.now()));
    let why = "the connection was closed by the other side";
    this.stream = stream;
    stream.on("error", (error) => {
      why = error.message;
    });
    stream.on("data", (bytes: Uint8Array) => {
      splitter.push(bytes, clock.now());
      if (splitter.deadline() === Infinity) silence.clear();
      else silence.set(GAP);
    });
    stream.on("end", () => stream.destroy());
    this.closed = new Promise((resolve) => {
      stream.on("close", () => {
        this.stream = undefined;
        silence.clear();
        void Promise.resolve(release?.()).then(resolve, resolve);
        if (!this.closing.signal.aborted) listener.failed(why);
      });
    });
    listener.opened(url);
  }
}
