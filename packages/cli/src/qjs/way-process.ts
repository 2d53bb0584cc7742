/**
 * A helper process that connects to the server: its standard input and output carry the bytes. Starts it, ends it, and
 * reports how it ended. Knows nothing of MQTT.
 */

import * as os from "qjs:os";
import { BytesIn } from "./bytes-in.js";
import { clock } from "./clock.js";

export interface HelperEnd {
  /** Undefined if it did not end by itself. */
  readonly exitCode: number | undefined;
  /** The last line that it wrote to standard error. Empty if it wrote nothing. */
  readonly complaint: string;
}

/** `os` does not have it. Its number is the same everywhere. */
export const SIGKILL = 9;
/** The most characters of its standard error that are kept. */
const MOST_COMPLAINT = 300;
/** Milliseconds between checks whether a helper has ended. */
const LOOK = 10;
/** Milliseconds to wait for the rest of its standard error after it has ended. */
const SILENCE_PATIENCE = 100;

export class Helper {
  /** The descriptors of its standard input, to write, and of its standard output, to read. */
  readonly input: number;
  readonly output: number;
  private readonly pid: number;
  private readonly complaints: number;
  private readonly listening: BytesIn;
  private complaint = "";
  /** Called when its standard error has ended. */
  private silent: () => void = () => {
    this.isSilent = true;
  };
  private isSilent = false;

  /** @throws Error if no descriptors or processes are left */
  constructor(command: readonly string[]) {
    const opened: number[] = [];
    const pipe = (): [number, number] => {
      const ends = os.pipe();
      if (ends === null) {
        for (const fd of opened) os.close(fd);
        throw new Error("no file descriptors are available");
      }
      opened.push(...ends);
      return ends;
    };
    const [stdin, input] = pipe();
    const [output, stdout] = pipe();
    const [complaints, stderr] = pipe();
    this.input = input;
    this.output = output;
    this.complaints = complaints;
    try {
      this.pid = os.exec(command, { block: false, stdin, stdout, stderr });
    } catch (error) {
      for (const fd of [input, output, complaints]) os.close(fd);
      throw error;
    } finally {
      for (const fd of [stdin, stdout, stderr]) os.close(fd);
    }
    const received = (bytes: Uint8Array): void => {
      this.complaint = (this.complaint + String.fromCharCode(...bytes.subarray(-MOST_COMPLAINT))).slice(
        -MOST_COMPLAINT,
      );
    };
    this.listening = new BytesIn(complaints, received, () => this.silent());
    this.listening.resume();
  }

  /**
   * Calls back when it has ended: by itself within `patience` milliseconds, or killed after that. The caller closes the
   * descriptors of its input and output.
   */
  awaitEnd(patience: number, ended: (end: HelperEnd) => void): void {
    const until = clock.now() + patience;
    const look = (): void => {
      const [pid, status] = os.waitpid(this.pid, os.WNOHANG);
      if (pid === 0 && clock.now() < until) {
        clock.schedule(LOOK, look);
      } else if (pid === 0) {
        os.kill(this.pid, SIGKILL);
        os.waitpid(this.pid, 0);
        ended(this.close(undefined));
      } else {
        // A process that a signal ended has no exit code.
        const exitCode = pid === this.pid && (status & 0x7f) === 0 ? status >> 8 : undefined;
        this.awaitSilence(() => ended(this.close(exitCode)));
      }
    };
    look();
  }

  /**
   * Waits for the rest of its standard error. A child process of it may keep standard error open forever, so the wait
   * is limited.
   */
  private awaitSilence(then: () => void): void {
    const timer = clock.schedule(this.isSilent ? 0 : SILENCE_PATIENCE, then);
    this.silent = () => {
      timer.cancel();
      then();
    };
  }

  private close(exitCode: number | undefined): HelperEnd {
    this.listening.stop();
    os.close(this.complaints);
    const lines = this.complaint.split("\n").filter((line) => line.trim() !== "");
    return { exitCode, complaint: lines.at(-1)?.trim() ?? "" };
  }
}
