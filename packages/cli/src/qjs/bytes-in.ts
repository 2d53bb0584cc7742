/** Bytes that come in through a file descriptor. Knows nothing of what is behind it. */

import { read, setReadHandler } from "qjs:os";

/**
 * Bytes of one read. What becomes of them, some fifty small messages, is in memory at one time, and has gone before the next read: with
 * longer reads it takes megabytes. A helper writes hardly more at once anyway.
 */
const MOST = 4_096;

const EINTR = -4;
const EAGAIN = -11;
/** A terminal whose other side has gone says this instead of an end of stream. */
const EIO = -5;

/** One for all: what is read is copied out of it at once. */
const buffer = new ArrayBuffer(MOST);

export class BytesIn {
  private state: "reading" | "paused" | "over" = "paused";

  /**
   * @param received called with bytes, which it may keep
   * @param ended called once, when nothing comes any more; `errno` is positive, or 0 at the end of the stream
   */
  constructor(
    private readonly fd: number,
    private readonly received: (bytes: Uint8Array) => void,
    private readonly ended: (errno: number) => void,
  ) {}

  resume(): void {
    if (this.state !== "paused") return;
    this.state = "reading";
    setReadHandler(this.fd, this.readable);
  }

  pause(): void {
    if (this.state !== "reading") return;
    this.state = "paused";
    setReadHandler(this.fd, null);
  }

  stop(): void {
    this.pause();
    this.state = "over";
  }

  private readonly readable = (): void => {
    const length = read(this.fd, buffer, 0, MOST);
    if (length === EINTR || length === EAGAIN) return;
    if (length <= 0) {
      this.stop();
      this.ended(length === EIO ? 0 : -length);
      return;
    }
    // Of the handlers that are ready `qjs` calls the one that was set first, each time: after its turn this one goes to the end.
    setReadHandler(this.fd, null);
    setReadHandler(this.fd, this.readable);
    this.received(new Uint8Array(buffer.slice(0, length)));
  };
}
