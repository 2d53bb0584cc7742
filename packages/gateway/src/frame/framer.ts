/** What all framers have in common: bytes in pieces of any size become frames. A framer knows nothing of what is in a frame. */

/** Offsets among all bytes of a connection: `from` is the first byte, `to` the one after the last. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Why a framer drops a frame. */
export type BrokenReason = "too-long" | "incomplete" | "malformed" | "checksum";

/** Takes what a framer finds, in the order of the bytes. */
export interface FrameSink {
  /** A frame is in `bytes` from `start` to `end`. If they are the caller's bytes, they are not copied. */
  frame(bytes: Uint8Array, start: number, end: number, range: Range): void;
  /** A frame is dropped; `detail` is the rule that it breaks. `bytes` is undefined if it is too long to be kept. */
  broken(reason: BrokenReason, detail: string, bytes: Uint8Array | undefined, range: Range): void;
}

/** Time is an argument: milliseconds of a clock that never goes back. */
export interface Framer {
  push(bytes: Uint8Array, now: number): void;
  /** The connection has ended, or the datagram is complete. */
  end(): void;
  /** When `advance` must be called; Infinity if never. */
  deadline(): number;
  /** Ends a frame that silence ends, and drops a frame that began more than the timeout ago. */
  advance(now: number): void;
}

export interface FramerSettings {
  /** The most bytes of a frame. */
  readonly maxFrame: number;
  /** Milliseconds after which a frame that has begun is dropped as "incomplete"; 0: never. */
  readonly frameTimeout: number;
}
