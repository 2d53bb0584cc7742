// A terminal for tests of a command in this process: it keeps what is printed and noted.
import type { Terminal } from "../../src/terminal.ts";

export class RecordingTerminal implements Terminal {
  readonly program = "aiko-mqtt";
  readonly hasScreen = false;
  readonly notes: string[] = [];
  output = "";
  private readonly stopping = new AbortController();
  readonly stop = this.stopping.signal;
  readonly interrupted = this.stopping.signal;

  constructor(readonly environment: Readonly<Record<string, string>> = {}) {}

  get lines(): string[] {
    return this.output.split("\n").slice(0, -1);
  }

  onHangup(): () => void {
    return () => undefined;
  }

  print(data: string | Uint8Array): undefined {
    this.output += typeof data === "string" ? data : Buffer.from(data).toString();
  }

  note(line: string): void {
    this.notes.push(line);
  }

  /** As ^C does. */
  interrupt(): void {
    this.stopping.abort();
  }
}
