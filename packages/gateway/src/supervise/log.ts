/** The gateway's log: one line an event, on standard error, without secrets. Knows nothing of what is logged. */

/** The levels, the gravest first. */
const LEVELS = ["error", "warn", "info", "debug"] as const;

export type LogLevel = (typeof LEVELS)[number];

/** Further facts of a line, by name. */
export type LogFacts = Readonly<Record<string, string | number | boolean | undefined>>;

export class Log {
  /** @param write receives each line, without its end of line */
  constructor(
    private level: LogLevel,
    private format: "text" | "json",
    private readonly write: (line: string) => void,
    private readonly wallTime: () => number,
  ) {}

  /** Changes what is logged from now on, and how. */
  configure(level: LogLevel, format: "text" | "json"): void {
    this.level = level;
    this.format = format;
  }

  error(message: string, facts?: LogFacts): void {
    this.line("error", message, facts);
  }

  warn(message: string, facts?: LogFacts): void {
    this.line("warn", message, facts);
  }

  info(message: string, facts?: LogFacts): void {
    this.line("info", message, facts);
  }

  debug(message: string, facts?: LogFacts): void {
    this.line("debug", message, facts);
  }

  private line(level: LogLevel, message: string, facts: LogFacts = {}): void {
    if (LEVELS.indexOf(level) > LEVELS.indexOf(this.level)) return;
    const given = Object.entries(facts).filter(([, value]) => value !== undefined);
    if (this.format === "json") {
      const time = new Date(this.wallTime()).toISOString();
      this.write(JSON.stringify({ time, level, message, ...Object.fromEntries(given) }));
      return;
    }
    const rest = given.map(([name, value]) => ` ${name}=${quoted(String(value))}`).join("");
    this.write(`${level}: ${printable(message)}${rest}`);
  }
}

/** A value as it is, or in quotes if it would not be one word. */
function quoted(value: string): string {
  return /^[\w.:/@%+#$,-]+$/.test(value) ? value : JSON.stringify(printable(value));
}

/** Devices and servers choose some of these texts: none may begin a line or command a terminal. */
function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
