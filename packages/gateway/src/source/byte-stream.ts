/** What the sources use of a stream of bytes. The streams of Node have it; other machines bring their own. */

/** Bytes to read. They are delivered only after `resume`, or after a listener of "data" was registered. */
export interface ByteInput {
  /** Whether the end was read. */
  readonly readableEnded: boolean;
  readonly destroyed: boolean;
  on(event: "data", listener: (bytes: Uint8Array) => void): this;
  on(event: "error", listener: (error: Error) => void): this;
  on(event: "end" | "close", listener: () => void): this;
  once(event: "data" | "close", listener: () => void): this;
  off(event: "data", listener: (bytes: Uint8Array) => void): this;
  off(event: "error", listener: (error: Error) => void): this;
  off(event: "end" | "close", listener: () => void): this;
  pause(): unknown;
  resume(): unknown;
}

/** Bytes to write. */
export interface ByteOutput {
  /** Whether something can be written. */
  readonly writable: boolean;
  /** Bytes that wait to be written. */
  readonly writableLength: number;
  write(bytes: Uint8Array): unknown;
  /** Closes it immediately. */
  destroy(): unknown;
}

/** Both directions. */
export interface ByteStream extends ByteInput, ByteOutput {
  /** Whether the other side may end its direction and still read. */
  readonly allowHalfOpen: boolean;
  /** Ends this direction after all that was written. */
  end(written: () => void): unknown;
}
