/** The log of a service, with the level and the format of its configuration: one line an event. Knows nothing of what is logged. */

import { printable } from "./printable.js";

/** The levels of a log, the gravest first. */
export const LOG_LEVELS = ["error", "warn", "info", "debug"] as const;

/** The least important lines that are written. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Further facts of a line, by name. */
export type LogFacts = Readonly<Record<string, string | number | boolean | undefined>>;

/** Writes lines such as `warn: the disk is full dir=/spool`, or the same as JSON. */
export class Log {
  /** @param write receives each line, without its end of line, and its format */
  constructor(
    private level: LogLevel,
    private format: "text" | "json",
    private readonly write: (line: string, format: "text" | "json") => void,
    private readonly wallTime: () => number,
  ) {}

  /** Changes what is logged from now on, and how. */
  configure(level: LogLevel, format: "text" | "json"): void {
    this.level = level;
    this.format = format;
  }

  /** Writes what must be corrected. */
  error(message: string, facts?: LogFacts): void {
    this.line("error", message, facts);
  }

  /** Writes what may have to be corrected. */
  warn(message: string, facts?: LogFacts): void {
    this.line("warn", message, facts);
  }

  /** Writes what happens seldom. */
  info(message: string, facts?: LogFacts): void {
    this.line("info", message, facts);
  }

  /** Writes what happens often. */
  debug(message: string, facts?: LogFacts): void {
    this.line("debug", message, facts);
  }

  /** Whether lines of this level are written. */
  writes(level: LogLevel): boolean {
    return LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(this.level);
  }

  /** Writes a line, if lines of this level are written. */
  line(level: LogLevel, message: string, facts: LogFacts = {}): void {
    if (!this.writes(level)) return;
    const given = Object.entries(facts).filter(([, value]) => value !== undefined);
    if (this.format === "json") {
      const time = new Date(this.wallTime()).toISOString();
      this.write(JSON.stringify({ time, level, message, ...Object.fromEntries(given) }), "json");
      return;
    }
    const rest = given.map(([name, value]) => ` ${name}=${quoted(String(value))}`).join("");
    this.write(`${level}: ${printable(message)}${rest}`, "text");
  }
}

/** A value as it is, or in quotes if it would not be one word. */
function quoted(value: string): string {
  return /^[\w.:/@%+#$,-]+$/.test(value) ? value : JSON.stringify(printable(value));
}
