/**
 * Writes bytes to a file descriptor when it has room. Owns the queue; knows nothing of what the descriptor belongs to.
 */

import { setWriteHandler, write } from "qjs:os";

/**
 * The bytes that a pipe certainly accepts without blocking, when it has room. Descriptors of `qjs` block: a longer
 * write would stop the whole process, forever if the reader waits for this process.
 */
export const PIPE_STEP = 4_096;
/** The bytes that may wait before `write` asks for a pause. */
const HIGH_WATER = 16_384;

const EINTR = -4;
const EAGAIN = -11;

/** Waiting bytes, in the order of writing: those of one long write, or of several short ones together. */
interface Piece {
  readonly bytes: Uint8Array;
  /** How many bytes are to be written. The rest of the array is free. */
  length: number;
}

export class BytesOut {
  private readonly queue: Piece[] = [];
  private waiting = 0;
  private offset = 0;
  private state: "open" | "ending" | "over" = "open";
  private asked = false;
  private whenEmpty: (() => void) | undefined;

  /**
   * @param step the most bytes of one write; see PIPE_STEP
   * @param drained called when all waiting bytes were written, after each `write` that returned false
   * @param failed called once, when writing is no longer possible; `errno` is positive
   */
  constructor(
    private readonly fd: number,
    private readonly step: number,
    private readonly drained: () => void,
    private readonly failed: (errno: number) => void,
  ) {}

  /** True after a failure or `stop`. */
  get isOver(): boolean {
    return this.state === "over";
  }

  /** Returns false to ask the caller to wait for `drained`. The bytes must not change until they are written. */
  write(bytes: Uint8Array): boolean {
    if (this.state !== "open") return true;
    if (bytes.length > 0) {
      if (this.queue.length === 0) setWriteHandler(this.fd, () => this.writable());
      this.add(bytes);
      this.waiting += bytes.length;
    }
    this.asked ||= this.waiting > HIGH_WATER;
    return !this.asked;
  }

  /** Accepts no more bytes. Calls `empty` when all earlier bytes are written. It is not called after a failure. */
  end(empty: () => void): void {
    if (this.state !== "open") return;
    this.state = "ending";
    if (this.queue.length === 0) empty();
    else this.whenEmpty = empty;
  }

  /** Discards the waiting bytes. */
  stop(): void {
    if (this.state === "over") return;
    this.state = "over";
    this.queue.length = 0;
    setWriteHandler(this.fd, null);
  }

  /**
   * Joins short writes, since a step can contain many. Each would otherwise need its own system call and its own array.
   */
  private add(bytes: Uint8Array): void {
    const last = this.queue.at(-1);
    if (last !== undefined && last.bytes.length - last.length >= bytes.length) {
      last.bytes.set(bytes, last.length);
      last.length += bytes.length;
    } else if (bytes.length > this.step / 4) {
      this.queue.push({ bytes, length: bytes.length });
    } else {
      const step = new Uint8Array(this.step);
      step.set(bytes);
      this.queue.push({ bytes: step, length: bytes.length });
    }
  }

  private writable(): void {
    const piece = this.queue[0] as Piece;
    const { bytes } = piece;
    const length = Math.min(this.step, piece.length - this.offset);
    const written = write(this.fd, bytes.buffer as ArrayBuffer, bytes.byteOffset + this.offset, length);
    if (written === EINTR || written === EAGAIN) return;
    if (written < 0) {
      this.stop();
      this.failed(-written);
      return;
    }
    this.waiting -= written;
    this.offset += written;
    if (this.offset < piece.length) return;
    this.offset = 0;
    this.queue.shift();
    if (this.queue.length > 0) return;
    setWriteHandler(this.fd, null);
    this.whenEmpty?.();
    if (!this.asked) return;
    this.asked = false;
    this.drained();
  }
}
