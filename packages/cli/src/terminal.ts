/** What connects a command with its process: standard output and error, signals, and the end. */

import type { AbortSignalLike } from "@aiko/mqtt";

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
  /**
   * Makes `stop` fire when standard output has no reader any more, also while nothing is printed, where the system
   * shows that. Resolves when it is watched.
   */
  watchReader?(): Promise<void>;
  /** Writes data to standard output. Returns a promise to await if the reader is slower. */
  print(data: string | Uint8Array): Promise<void> | undefined;
  /**
   * Writes one line to standard error. The line is dropped if too many wait for a slow reader.
   *
   * @param isData whether the line is for programs: the program's name does not precede it. Default false
   */
  note(line: string, isData?: boolean): void;
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

  async watchReader(): Promise<void> {
    await this.terminal.watchReader?.();
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
