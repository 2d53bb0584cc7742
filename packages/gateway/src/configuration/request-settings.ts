/** The settings of polls and commands: what a source asks of its devices. */

/** Text with which a frame begins, or values that its fields have. With placeholders. */
export type MatchSettings = string | Readonly<Record<string, string | number | boolean>>;

export interface AnswerSettings {
  /** Undefined: any frame. */
  readonly match: MatchSettings | undefined;
  /** An answer that says that the device will not do it. Undefined: none. */
  readonly refused: MatchSettings | undefined;
  /** Milliseconds. */
  readonly timeout: number;
  readonly retries: number;
}
