/** Where a command meets the process: standard output and error, signals, and the end. Nothing else here touches them. */

import type { AbortSignalLike } from "@aiko/mqtt";
import { isHangupIgnored, originOf } from "./hangup.js";

export interface Terminal {
  /** The name by which the user called the command. */
  readonly program: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether standard output is shown on a terminal, which control characters would command. */
  readonly hasScreen: boolean;
  /** Fires when the user wants the command to end: ^C, SIGTERM, or the terminal was closed. */
  readonly interrupted: AbortSignalLike;
  /** Fires when `interrupted` does, and when nobody reads standard output or standard error any more. */
  readonly stop: AbortSignalLike;
  /** Writes data to standard output. Returns a promise to wait for if the reader is slower. */
  print(data: string | Uint8Array): Promise<void> | undefined;
  /** Writes one line to standard error. Left out if too many wait for a reader that is slower. */
  note(line: string): void;
}

/** Bytes of notes that may wait for the reader of standard error. */
const MOST_WAITING = 1 << 20;

export class ProcessTerminal implements Terminal {
  readonly environment = process.env;
  readonly hasScreen = process.stdout.isTTY === true;
  private readonly interrupting = new AbortController();
  private readonly stopping = new AbortController();
  readonly interrupted: AbortSignal = this.interrupting.signal;
  readonly stop: AbortSignal = this.stopping.signal;
  /** Standard output could not take what was printed, for another reason than that its reader has gone. */
  private isIncomplete = false;
  private isUnread = false;
  private leftOut = 0;

  constructor(readonly program: string) {
    const { stdout, stderr } = process;
    const interrupt = (): void => {
      this.interrupting.abort();
      this.stopping.abort();
    };
    // Each once: a second ^C has its usual effect.
    process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
    // A terminal that is closed says so more than once: the system and the shell do.
    process.on("SIGHUP", isHangupIgnored(originOf(process)) ? () => undefined : interrupt);
    stdout.on("error", (error) => {
      this.isUnread = true;
      if (!isReaderGone(error, stdout) && !this.isIncomplete) {
        this.isIncomplete = true;
        this.note(`standard output: ${error.message}`);
      }
      this.stopping.abort();
    });
    // What is said here may be lost for want of room: that is no reason to stop.
    stderr.on("error", (error) => {
      if (isReaderGone(error, stderr)) this.stopping.abort();
    });
  }

  print(data: string | Uint8Array): Promise<void> | undefined {
    const { stdout } = process;
    if (this.isUnread || stdout.write(data)) return undefined;
    return new Promise((resolve) => {
      const done = () => {
        stdout.off("drain", done).off("close", done);
        resolve();
      };
      stdout.on("drain", done).on("close", done);
    });
  }

  note(line: string): void {
    const { stderr } = process;
    if (stderr.writableLength < MOST_WAITING) {
      stderr.write(noteLine(this.program, line));
      return;
    }
    if (this.leftOut++ > 0) return;
    stderr.once("drain", () => {
      const count = this.leftOut;
      this.leftOut = 0;
      this.note(`${count} lines omitted because stderr is read too slowly`);
    });
  }

  /** Ends the process when all that was printed is out. A name look-up that hangs does not keep it. */
  end(code: number): void {
    const exit = (): never => process.exit(this.isIncomplete ? 1 : code);
    if (this.isUnread) exit();
    process.stdout.write("", exit);
  }
}

/** Whether the pipe has no reader any more, or the terminal is closed. */
function isReaderGone({ code }: NodeJS.ErrnoException, { isTTY }: NodeJS.WriteStream): boolean {
  return code === "EPIPE" || code === "ECONNRESET" || (code === "EIO" && isTTY);
}

/** What moves a terminal's cursor or colours it: servers and proxies may say it in their reasons. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/g;

function withoutControls(text: string): string {
  return text.replaceAll(CONTROLS, "�");
}

/** What is written for a note: one line, whatever it was made of. */
export function noteLine(program: string, line: string): string {
  const [first = "", ...others] = line.split(/[\r\n]/);
  const rest = others.map((each) => each.trim()).filter((each) => each !== "");
  const whole = others.length === 0 ? first : [first.trimEnd(), ...rest].join(" ");
  return `${program}: ${withoutControls(whole)}\n`;
}

/** Resolves when the signal fires, or at once if it has. */
export function fired(signal: AbortSignalLike): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve());
  });
}
