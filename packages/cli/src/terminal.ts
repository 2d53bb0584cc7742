/**
 * The connection of a command to its process: standard output and error, signals, and the end. No other module uses
 * them.
 */

import type { AbortSignalLike } from "@aiko/mqtt";
import { isHangupIgnored, originOf } from "./hangup.js";

export interface Terminal {
  /** The name with which the user called the command. */
  readonly program: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether standard output is a terminal, which control characters could control. */
  readonly hasScreen: boolean;
  /** Fires when the user wants the command to end: ^C, SIGTERM, or a closed terminal. */
  readonly interrupted: AbortSignalLike;
  /** Fires when `interrupted` does, and when standard output or standard error has no reader any more. */
  readonly stop: AbortSignalLike;
  /** Calls `listener` at each SIGHUP, which then does not interrupt the command. Returns a function that undoes that. */
  onHangup(listener: () => void): () => void;
  /** Writes data to standard output. Returns a promise to await if the reader is slower. */
  print(data: string | Uint8Array): Promise<void> | undefined;
  /**
   * Writes one line to standard error. The line is dropped if too many wait for a slow reader.
   *
   * @param isData whether the line is for programs: the program's name does not precede it. Default false
   */
  note(line: string, isData?: boolean): void;
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
    const before = this.hangup;
    this.hangup = listener;
    return () => {
      this.hangup = before;
    };
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

/** Sequences that move a terminal's cursor or colour its text. Reasons of servers and proxies may contain them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/g;

function withoutControls(text: string): string {
  return text.replaceAll(CONTROLS, "�");
}

/** Returns the output for a note: one line, whatever its text contains. */
export function noteLine(program: string, line: string): string {
  const [first = "", ...others] = line.split(/[\r\n]/);
  const rest = others.map((each) => each.trim()).filter((each) => each !== "");
  const whole = others.length === 0 ? first : [first.trimEnd(), ...rest].join(" ");
  return `${program}: ${withoutControls(whole)}\n`;
}

/** Resolves when the signal fires, or immediately if it has fired. */
export function fired(signal: AbortSignalLike): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve());
  });
}

/** Another terminal, of which a subclass changes a part. */
export abstract class DerivedTerminal implements Terminal {
  constructor(protected readonly terminal: Terminal) {}

  get stop(): AbortSignalLike {
    return this.terminal.stop;
  }

  get interrupted(): AbortSignalLike {
    return this.terminal.interrupted;
  }

  get program(): string {
    return this.terminal.program;
  }

  get environment(): Terminal["environment"] {
    return this.terminal.environment;
  }

  get hasScreen(): boolean {
    return this.terminal.hasScreen;
  }

  onHangup(listener: () => void): () => void {
    return this.terminal.onHangup(listener);
  }

  print(data: string | Uint8Array): Promise<void> | undefined {
    return this.terminal.print(data);
  }

  note(line: string): void {
    this.terminal.note(line);
  }
}

/** A terminal without notes, for the option --quiet. */
export class QuietTerminal extends DerivedTerminal {
  override note(): void {}
}

/** A terminal whose command can be stopped by the program, too. */
export class StoppableTerminal extends DerivedTerminal {
  private readonly stopping = new AbortController();
  private readonly interrupting = new AbortController();

  constructor(terminal: Terminal) {
    super(terminal);
    void fired(terminal.stop).then(() => this.stopping.abort());
    void fired(terminal.interrupted).then(() => this.interrupting.abort());
  }

  override get stop(): AbortSignalLike {
    return this.stopping.signal;
  }

  override get interrupted(): AbortSignalLike {
    return this.interrupting.signal;
  }

  /** Stops the command. */
  end(): void {
    this.interrupting.abort();
    this.stopping.abort();
  }
}
