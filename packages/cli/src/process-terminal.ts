/** The terminal of a command that is a process of Node. No other module uses its streams and signals. */

import { type Command, runCommand } from "./command.js";
import { isHangupIgnored, originOf } from "./hangup.js";
import { noteLine, type Terminal } from "./terminal.js";

/** Runs a process that is one command. */
export async function main(program: string, command: Command, argv: readonly string[]): Promise<void> {
  const terminal = new ProcessTerminal(program);
  terminal.end(await runCommand(command, argv, terminal));
}

/** The most bytes of notes that may wait for the reader of standard error. */
const MOST_WAITING = 1 << 20;

export class ProcessTerminal implements Terminal {
  readonly environment = process.env;
  private readonly interrupting = new AbortController();
  private readonly stopping = new AbortController();
  readonly interrupted: AbortSignal = this.interrupting.signal;
  readonly stop: AbortSignal = this.stopping.signal;
  /** Whether writing to standard output failed, for another reason than that its reader is gone. */
  private isIncomplete = false;
  private isUnread = false;
  private leftOut = 0;
  private hangup: () => void;
  /** Opened at the first use, since Node takes a millisecond for each, and many commands print nothing. */
  private output: NodeJS.WriteStream | undefined;
  private notes: NodeJS.WriteStream | undefined;

  constructor(readonly program: string) {
    const interrupt = (): void => {
      this.interrupting.abort();
      this.stopping.abort();
    };
    // Each only once: a second ^C has its default effect.
    process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
    // A closed terminal sends the signal more than once: from the system and from the shell.
    this.hangup = isHangupIgnored(originOf(process)) ? () => undefined : interrupt;
    process.on("SIGHUP", () => this.hangup());
  }

  get hasScreen(): boolean {
    return this.stdout.isTTY === true;
  }

  onHangup(listener: () => void): () => void {
    // The note that the listener writes must fail if its terminal is closed. A stream that is opened then would not.
    void this.stderr;
    const before = this.hangup;
    this.hangup = listener;
    return () => {
      this.hangup = before;
    };
  }

  async watchReader(): Promise<void> {
    const { watchReader } = await import("./pipe-reader.js");
    await watchReader(1, () => {
      this.isUnread = true;
      this.stopping.abort();
    });
  }

  print(data: string | Uint8Array): Promise<void> | undefined {
    const { stdout } = this;
    if (this.isUnread || stdout.write(data)) return undefined;
    return new Promise((resolve) => {
      const done = () => {
        stdout.off("drain", done).off("close", done);
        resolve();
      };
      stdout.on("drain", done).on("close", done);
    });
  }

  note(line: string, isData = false): void {
    const { stderr } = this;
    if (stderr.writableLength < MOST_WAITING) {
      stderr.write(isData ? `${line}\n` : noteLine(this.program, line));
      return;
    }
    if (this.leftOut++ > 0) return;
    stderr.once("drain", () => {
      const count = this.leftOut;
      this.leftOut = 0;
      this.note(`${count} lines omitted because stderr is read too slowly`);
    });
  }

  /** Ends the process when all output is written. A pending name resolution does not delay it. */
  end(code: number): void {
    const exit = (): never => process.exit(this.isIncomplete ? 1 : code);
    if (this.isUnread || this.output === undefined) exit();
    this.output?.write("", exit);
  }

  private get stdout(): NodeJS.WriteStream {
    if (this.output !== undefined) return this.output;
    const { stdout } = process;
    stdout.on("error", (error) => {
      this.isUnread = true;
      if (!isReaderGone(error, stdout) && !this.isIncomplete) {
        this.isIncomplete = true;
        this.note(`standard output: ${error.message}`);
      }
      this.stopping.abort();
    });
    this.output = stdout;
    return stdout;
  }

  private get stderr(): NodeJS.WriteStream {
    if (this.notes !== undefined) return this.notes;
    const { stderr } = process;
    // Notes may be lost if the disk is full: that is no reason to stop.
    stderr.on("error", (error) => {
      if (isReaderGone(error, stderr)) this.stopping.abort();
    });
    this.notes = stderr;
    return stderr;
  }
}

/** Returns whether the pipe has no reader any more, or the terminal is closed. */
function isReaderGone({ code }: NodeJS.ErrnoException, { isTTY }: NodeJS.WriteStream): boolean {
  return code === "EPIPE" || code === "ECONNRESET" || (code === "EIO" && isTTY);
}
