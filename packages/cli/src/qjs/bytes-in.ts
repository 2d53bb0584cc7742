/** Reads bytes from a file descriptor. Knows nothing of what the descriptor belongs to. */

import { read, setReadHandler } from "qjs:os";

/**
 * The bytes of one read. Its messages, about fifty small ones, are in memory together, and are released before the next
 * read. Longer reads would take megabytes. A helper hardly writes more at once.
 */
const MOST = 4_096;

const EINTR = -4;
const EAGAIN = -11;
/** The error of a terminal whose other side is closed, instead of an end of stream. */
const EIO = -5;

/** Shared: read bytes are copied out of it immediately. */
const buffer = new ArrayBuffer(MOST);

export class BytesIn {
  private state: "reading" | "paused" | "over" = "paused";

  /**
   * @param received called with bytes, which it may keep
   * @param ended called once, when nothing more will arrive; `errno` is positive, or 0 at the end of the stream
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
    // `qjs` always calls the ready handler that was set first. So this handler is set again after each call, as the
    // last one.
    setReadHandler(this.fd, null);
    setReadHandler(this.fd, this.readable);
    this.received(new Uint8Array(buffer.slice(0, length)));
  };
}
