/** Logs what a command writes to standard error: lines of a bounded length, a bounded number a second. */

import type { Clock } from "@aiko/mqtt";
import type { Log } from "@aiko/mqtt-configuration";

/** Characters of a line, and lines a second, that are logged. */
const MOST_CHARACTERS = 500;
const MOST_LINES = 10;

export class CommandReport {
  private rest = "";
  private logged = 0;
  private loggedSince = -Infinity;

  constructor(
    private readonly source: string,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  push(text: string): void {
    const lines = (this.rest + text).split(/[\r\n]/);
    this.rest = (lines.pop() ?? "").slice(0, MOST_CHARACTERS);
    for (const line of lines) if (line !== "") this.line(line);
  }

  /** Logs the last line, which has no end. */
  end(): void {
    if (this.rest !== "") this.line(this.rest);
    this.rest = "";
  }

  private line(text: string): void {
    const now = this.clock.now();
    if (now - this.loggedSince >= 1_000) {
      this.loggedSince = now;
      this.logged = 0;
    }
    if (++this.logged > MOST_LINES) return;
    this.log.warn("the command reports", { source: this.source, line: text.slice(0, MOST_CHARACTERS) });
  }
}
