/** A source that the gateway opens: a connection to a device, or a serial line. It is opened for ever. Knows nothing of how it is opened. */

import type { LineControl, PipelineSettings } from "../configuration/configuration.js";
import type { Peer } from "../pipeline/outcome.js";
import type { ByteStream } from "./byte-stream.js";
import type { Channel } from "./channel.js";
import type { Duplex } from "./duplex.js";
import { greet } from "./greeting.js";
import { Health } from "./health.js";
import type { Intake } from "./intake.js";
import { type Attempt, type Delays, Reopening } from "./reopening.js";
import type { Source, SourceStatus } from "./source.js";
import { attach } from "./stream-wire.js";

/** A stream that was opened. */
export interface Opened {
  readonly stream: ByteStream;
  readonly peer: Peer;
  /** Where it goes, for the status. */
  readonly url: string;
  /** Frees what belongs to the stream, once that is closed. */
  release?(): Promise<void>;
}

/** How a source is opened. */
export interface Opener {
  readonly duplex: Duplex;
  /** Milliseconds that the device must have been silent before it is written to. Default 0. */
  readonly silence?: number;
  /** Default: those of all sources. */
  readonly delays?: Delays;
  /** Rejects if it cannot be opened, or the signal fires. */
  open(signal: AbortSignal): Promise<Opened>;
  /** Calls the listener when it may be possible again to open it. Returns a function that ends that. */
  watch?(listener: () => void): () => void;
}

/** Milliseconds that a device has for reading its last answers. */
const LAST_ANSWERS = 250;

export class StreamSource implements Source {
  private readonly health: Health;
  private readonly reopening: Reopening;
  private readonly stopping = new AbortController();
  private wire: { readonly stream: ByteStream; readonly channel: Channel } | undefined;
  /** Resolves when all that came on the wires before is accepted or dropped. */
  private drained: Promise<void> = Promise.resolve();
  private opening: Promise<void> = Promise.resolve();
  private unwatch: (() => void) | undefined;

  constructor(
    private readonly settings: PipelineSettings & LineControl,
    private readonly intake: Intake,
    private readonly opener: Opener,
  ) {
    const { clock, log } = intake.parts;
    this.health = new Health(settings.id, log, intake.parts.condition);
    const open = (attempt: Attempt): void => {
      this.opening = this.open(attempt);
    };
    this.reopening = new Reopening(this.health, clock, open, opener.delays);
  }

  get status(): SourceStatus {
    return this.health.status(this.wire === undefined ? 0 : 1);
  }

  start(): Promise<void> {
    return this.reopening.start();
  }

  async stop(): Promise<void> {
    this.reopening.stop();
    this.unwatch?.();
    this.stopping.abort();
    this.wire?.stream.pause();
    await this.intake.stop();
    await this.wire?.channel.close();
    if (this.wire !== undefined) this.endSoon(this.wire.stream);
    await this.opening;
    await this.drained;
  }

  private async open(attempt: Attempt): Promise<void> {
    const { signal } = this.stopping;
    try {
      await this.drained; // nothing may be accepted before what came earlier
      if (signal.aborted) return;
      const opened = await this.opener.open(signal);
      if (!signal.aborted) return this.opened(opened, attempt);
      opened.stream.destroy();
      await opened.release?.();
    } catch (error) {
      attempt.closed(error instanceof Error ? error.message : String(error));
      this.watch();
    }
  }

  private opened({ stream, peer, url, release }: Opened, attempt: Attempt): void {
    this.unwatch?.();
    this.unwatch = undefined;
    let why = "the connection was closed by the other side";
    stream.on("error", (error) => {
      why = error.message;
    });
    const channel = attach(this.intake, peer, stream, stream, this.opener.duplex, this.opener.silence);
    this.wire = { stream, channel };
    // The other side of a socket may have ended and still read. An unplugged line has no other side.
    stream.on("end", () => {
      if (stream.allowHalfOpen) void channel.close().then(() => this.endSoon(stream));
      else stream.destroy();
    });
    let over = (): void => {};
    this.drained = new Promise((resolve) => {
      over = resolve;
    });
    stream.on("close", () => {
      this.wire = undefined;
      const done = channel.close().then(() => release?.());
      void done.catch((error: unknown) => this.intake.parts.log.debug(String(error))).then(over);
      attempt.closed(why);
      this.watch();
    });
    attempt.opened(url);
    greet(this.settings, channel);
  }

  private watch(): void {
    if (this.stopping.signal.aborted) return;
    this.unwatch?.();
    this.unwatch = this.opener.watch?.(() => this.reopening.hurry());
  }

  private endSoon(stream: ByteStream): void {
    const timer = this.intake.parts.clock.schedule(LAST_ANSWERS, () => stream.destroy());
    stream.once("close", () => timer.cancel());
    stream.end(() => stream.destroy());
  }
}
