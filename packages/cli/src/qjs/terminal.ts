/** The Terminal of a process that is `qjs`. */

import * as os from "qjs:os";
import { exit, getenviron, strerror } from "qjs:std";
import type { AbortSignalLike } from "@aiko/mqtt";
import { noteLine, type Terminal } from "../terminal.js";
import { BytesOut, PIPE_STEP } from "./bytes-out.js";

const STANDARD_OUTPUT = 1;
const STANDARD_ERROR = 2;
const EPIPE = 32;

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
  readonly stop = new StopSignal();
  private readonly output: BytesOut;
  private isBroken = false;
  private printers: (() => void)[] = [];

  constructor(readonly program: string) {
    const drained = (): void => this.printed();
    this.output = new BytesOut(STANDARD_OUTPUT, PIPE_STEP, drained, (errno) => {
      this.isBroken = true;
      if (errno !== EPIPE) this.note(`standard output: ${strerror(errno)}`);
      this.stop.fire();
      this.printed();
    });
    for (const signal of [os.SIGINT, os.SIGTERM]) {
      os.signal(signal, () => {
        os.signal(signal, null); // a second ^C has its usual effect
        this.stop.fire();
      });
    }
  }

  print(data: string | Uint8Array): Promise<void> | undefined {
    if (this.output.write(typeof data === "string" ? encoder.encode(data) : data)) return undefined;
    return new Promise((resolve) => this.printers.push(resolve));
  }

  note(line: string): void {
    const bytes = encoder.encode(noteLine(this.program, line));
    os.write(STANDARD_ERROR, bytes.buffer as ArrayBuffer, 0, bytes.length);
  }

  /** Ends the process when all that was printed is out. */
  end(code: number): void {
    if (this.isBroken) exit(code);
    this.output.end(() => exit(code));
  }

  private printed(): void {
    const { printers } = this;
    this.printers = [];
    for (const resolve of printers) resolve();
  }
}
