/** The Terminal of a `qjs` process. */

import * as os from "qjs:os";
import { exit, getenviron, strerror } from "qjs:std";
import type { AbortSignalLike } from "@aiko/mqtt";
import { ignoresHangup } from "../hangup.js";
import { noteLine, type Terminal } from "../terminal.js";
import { BytesOut, PIPE_STEP } from "./bytes-out.js";

const STANDARD_OUTPUT = 1;
const STANDARD_ERROR = 2;
const EIO = 5;
const EPIPE = 32;
const SIGHUP = 1;
/** In bytes. The file has about 1,500. */
const LONGEST_STATUS = 8_192;

const encoder = new TextEncoder();

class StopSignal implements AbortSignalLike {
  aborted = false;
  private readonly listeners = new Set<() => void>();

  addEventListener(_type: "abort", listener: () => void): void {
    this.listeners.add(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    this.listeners.delete(listener);
  }

  fire(): void {
    if (this.aborted) return;
    this.aborted = true;
    for (const listener of [...this.listeners]) listener();
  }
}

export class QuickJsTerminal implements Terminal {
  readonly environment = getenviron();
  readonly hasScreen = os.isatty(STANDARD_OUTPUT);
  readonly interrupted = new StopSignal();
  readonly stop = new StopSignal();
  private readonly output: BytesOut;
  private isBroken = false;
  /** Whether writing to standard output failed, for another reason than that its reader is gone. */
  private isIncomplete = false;
  private printers: (() => void)[] = [];
  /** Handles SIGHUP. Null: the system's default. */
  private hangup: (() => void) | null = null;

  constructor(readonly program: string) {
    const drained = (): void => this.printed();
    this.output = new BytesOut(STANDARD_OUTPUT, PIPE_STEP, drained, (errno) => {
      this.isBroken = true;
      if (!this.isReaderGone(errno)) {
        this.isIncomplete = true;
        this.note(`standard output: ${strerror(errno)}`);
      }
      this.stop.fire();
      this.printed();
    });
    const interrupt = (): void => {
      this.interrupted.fire();
      this.stop.fire();
    };
    for (const signal of [os.SIGINT, os.SIGTERM]) {
      os.signal(signal, () => {
        os.signal(signal, null); // a second ^C has its default effect
        interrupt();
      });
    }
    // If the system does not show whether nohup started this process, the signal is not handled.
    const status = statusOfProcess();
    if (status === undefined || ignoresHangup(status)) return;
    this.hangup = interrupt;
    os.signal(SIGHUP, interrupt);
  }

  onHangup(listener: () => void): () => void {
    os.signal(SIGHUP, listener);
    return () => os.signal(SIGHUP, this.hangup);
  }

  print(data: string | Uint8Array): Promise<void> | undefined {
    if (this.output.write(typeof data === "string" ? encoder.encode(data) : data)) return undefined;
    return new Promise((resolve) => this.printers.push(resolve));
  }

  note(line: string): void {
    const bytes = encoder.encode(noteLine(this.program, line));
    const written = os.write(STANDARD_ERROR, bytes.buffer as ArrayBuffer, 0, bytes.length);
    if (written === -EPIPE) this.stop.fire();
  }

  /** Ends the process when all output is written. */
  end(code: number): void {
    if (this.isBroken) exit(this.isIncomplete ? 1 : code);
    this.output.end(() => exit(code));
  }

  /** Returns whether the pipe has no reader any more, or the terminal is closed. */
  private isReaderGone(errno: number): boolean {
    return errno === EPIPE || (errno === EIO && this.hasScreen);
  }

  private printed(): void {
    const { printers } = this;
    this.printers = [];
    for (const resolve of printers) resolve();
  }
}

/** Returns the file in which Linux shows the ignored signals; undefined on other systems. */
function statusOfProcess(): string | undefined {
  const fd = os.open("/proc/self/status", os.O_RDONLY);
  if (fd < 0) return undefined;
  const buffer = new ArrayBuffer(LONGEST_STATUS);
  const length = os.read(fd, buffer, 0, LONGEST_STATUS);
  os.close(fd);
  return length < 0 ? undefined : String.fromCharCode(...new Uint8Array(buffer, 0, length));
}
