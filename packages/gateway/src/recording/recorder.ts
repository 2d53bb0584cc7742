/**
 * Records what sources receive, at the door of their pipelines: the bytes, the ends and the deadlines, in the order and at the times at which the
 * pipeline sees them. Never sees the configuration, its secrets, or headers of requests. Knows nothing of files.
 */

import type { Peer, Wire } from "../pipeline/outcome.js";
import type { Pipeline } from "../pipeline/pipeline.js";
import { utf8Length } from "../text/utf8.js";
import { eventLine, headLine, type RecordedEvent } from "./recording.js";

/** Options of `Recorder`. */
export interface RecorderOptions {
  /** The most bytes of the recording. It ends before the first event that would exceed them. */
  readonly maximumBytes: number;
  /** The wall clock at the start, in milliseconds since 1970. */
  readonly startedAt: number;
  /** Receives each line, with its end of line. */
  write(line: string): void;
  /** Is called once, when the recording has reached `maximumBytes`. */
  full(): void;
}

/** What happened, without its time and connection. */
type Happening =
  | { readonly kind: "open"; readonly source: string; readonly peer: Peer }
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  | { readonly kind: "end" | "timeout" };

/**
 * Records what the sources of a gateway receive. Pass it to `Gateway.start`.
 *
 * @example
 * const recorder = new Recorder({ maximumBytes: 2 ** 24, startedAt: Date.now(), write: (line) => file.write(line), full: () => file.end() });
 * const gateway = await Gateway.start(configuration, { recorder });
 */
export class Recorder {
  private connections = 0;
  private received = 0;
  private written = 0;
  private isFull = false;
  private began: number | undefined;

  constructor(private readonly options: RecorderOptions) {
    this.put(headLine(options.startedAt));
  }

  /** How much was recorded. */
  get counts(): { readonly connections: number; readonly received: number; readonly written: number } {
    const { connections, received, written } = this;
    return { connections, received, written };
  }

  /**
   * Returns a pipeline that does the same and is recorded.
   *
   * @param now a clock that never goes back, in milliseconds
   */
  tap(pipeline: Pipeline, source: string, now: () => number): Pipeline {
    this.began ??= now();
    return {
      ...pipeline,
      open: (peer, asking) => {
        const connection = ++this.connections;
        this.add(connection, { kind: "open", source, peer }, now());
        return this.recorded(pipeline.open(peer, asking), connection);
      },
    };
  }

  private recorded(wire: Wire, connection: number): Wire {
    return {
      push: (bytes, now) => {
        this.received += bytes.length;
        this.add(connection, { kind: "data", bytes }, now);
        return wire.push(bytes, now);
      },
      end: (now) => {
        this.add(connection, { kind: "end" }, now);
        return wire.end(now);
      },
      deadline: () => wire.deadline(),
      advance: (now) => {
        this.add(connection, { kind: "timeout" }, now);
        return wire.advance(now);
      },
    };
  }

  private add(connection: number, happening: Happening, now: number): void {
    if (this.isFull) return;
    const event: RecordedEvent = { ...happening, connection, at: Math.max(0, now - (this.began ?? now)) };
    this.put(eventLine(event));
  }

  private put(line: string): void {
    const bytes = utf8Length(line);
    if (this.written + bytes > this.options.maximumBytes) {
      this.isFull = true;
      this.options.full();
      return;
    }
    this.written += bytes;
    this.options.write(line);
  }
}
