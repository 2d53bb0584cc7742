/** Where a command meets the process: standard output and error, signals, and the end. Nothing else here touches them. */

import type { AbortSignalLike } from "@aiko/mqtt";

export interface Terminal {
  /** The name by which the user called the command. */
  readonly program: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Fires when the user wants the command to end: ^C, SIGTERM, or nobody reads standard output any more. */
  readonly stop: AbortSignalLike;
  /** Writes data to standard output. Returns a promise to wait for if the reader is slower. */
  print(data: string | Uint8Array): Promise<void> | undefined;
  /** Writes one line to standard error. */
  note(line: string): void;
}

export class ProcessTerminal implements Terminal {
  readonly environment = process.env;
  private readonly stopping = new AbortController();
  readonly stop: AbortSignal = this.stopping.signal;

  constructor(readonly program: string) {
    // Each once: a second ^C has its usual effect.
    process.once("SIGINT", () => this.stopping.abort());
    process.once("SIGTERM", () => this.stopping.abort());
    process.stdout.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") this.note(`standard output: ${error.message}`);
      this.stopping.abort();
    });
    process.stderr.on("error", () => undefined);
  }

  print(data: string | Uint8Array): Promise<void> | undefined {
    const { stdout } = process;
    if (stdout.destroyed || stdout.write(data)) return undefined;
    return new Promise((resolve) => {
      const done = () => {
        stdout.off("drain", done).off("close", done);
        resolve();
      };
      stdout.on("drain", done).on("close", done);
    });
  }

  note(line: string): void {
    process.stderr.write(noteLine(this.program, line));
  }

  /** Ends the process when all that was printed is out. A name look-up that hangs does not keep it. */
  end(code: number): void {
    process.exitCode = code;
    if (process.stdout.destroyed) process.exit();
    process.stdout.write("", () => process.exit());
  }
}

/** What moves a terminal's cursor or colours it: servers and proxies may say it in their reasons. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/g;

export function withoutControls(text: string): string {
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
