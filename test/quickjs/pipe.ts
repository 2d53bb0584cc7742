// A pipe of the machine: bytes in one direction, from a writer to a reader, each of which may close it.

/** The capacity of a pipe, in bytes. */
const PIPE_SIZE = 65_536;
/** The number of free bytes from which a pipe counts as writable. */
export const PIPE_ROOM = 4_096;
const EPIPE = -32;

export class Pipe {
  private readonly chunks: Uint8Array[] = [];
  private length = 0;
  private writerGone = false;
  private readerGone = false;
  /** Called at each change. */
  changed: () => void = () => undefined;

  get isReadable(): boolean {
    return this.length > 0 || this.writerGone;
  }

  get isWritable(): boolean {
    return this.readerGone || PIPE_SIZE - this.length >= PIPE_ROOM;
  }

  get isClosed(): boolean {
    return this.writerGone && this.length === 0;
  }

  /** The next bytes, at most `most` of them. */
  take(most: number): Uint8Array {
    const first = this.chunks.shift() ?? new Uint8Array(0);
    const taken = first.subarray(0, most);
    if (taken.length < first.length) this.chunks.unshift(first.subarray(taken.length));
    this.length -= taken.length;
    this.changed();
    return taken;
  }

  /** The number of accepted bytes, which is all; negative if the reader has closed the pipe. */
  put(bytes: Uint8Array): number {
    if (this.readerGone) return EPIPE;
    this.chunks.push(bytes.slice());
    this.length += bytes.length;
    this.changed();
    return bytes.length;
  }

  closeWriter(): void {
    this.writerGone = true;
    this.changed();
  }

  closeReader(): void {
    this.readerGone = true;
    this.changed();
  }
}
