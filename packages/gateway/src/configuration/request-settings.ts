/** The settings of polls and commands: what a source asks of its devices. */

import type { DecodeSettings } from "./decode-settings.js";

/** Text with which a frame begins, or values that its fields have. With placeholders. */
export type MatchSettings = string | Readonly<Record<string, string | number | boolean>>;

export interface AnswerSettings {
  /** Undefined: any frame. */
  readonly match: MatchSettings | undefined;
  /** An answer that says that the device will not do it. Undefined: none. */
  readonly refused: MatchSettings | undefined;
  /** That of the source, for the text of `match` and `refused`. */
  readonly encoding: "utf8" | "latin1" | "hex";
  /** Milliseconds. */
  readonly timeout: number;
  readonly retries: number;
}

/** What a poll sends. */
export type QuestionSettings =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "hex"; readonly bytes: Uint8Array }
  /** A request to read what `decode` describes. */
  | { readonly kind: "modbus" };

export interface PollSettings {
  /** Milliseconds between two polls. */
  readonly every: number;
  /** The part of `every` by which a poll may be early or late. */
  readonly jitter: number;
  readonly question: QuestionSettings;
  /** Whether what is sent becomes a frame like those of the source. */
  readonly framed: boolean;
  readonly answer: AnswerSettings;
  /** Undefined: that of the source. */
  readonly decode: DecodeSettings | undefined;
  /** Undefined: that of the source. */
  readonly topic: string | undefined;
}

export interface CommandSettings {
  /** A topic; `{name}` stands for one level, which becomes a field. */
  readonly topic: string;
  /** How a payload becomes fields: as the field `value`, or as the members of an object. */
  readonly decode: "raw" | "json";
  /** The field of records that shows what the command has set, for Home Assistant. Undefined: none. */
  readonly field: string | undefined;
  /** What becomes of the value; others are refused. Empty: any value, as it is. */
  readonly values: Readonly<Record<string, string | number | boolean>>;
  readonly encode: DecodeSettings;
  readonly framed: boolean;
  /** Undefined: none is awaited. */
  readonly answer: AnswerSettings | undefined;
  readonly qos: 0 | 1 | 2;
  /** Commands that may wait for a wire. */
  readonly queue: number;
  /** Milliseconds that a command may wait. */
  readonly expiry: number;
  /** Whether the message is acknowledged after the result, not when the command is accepted. */
  readonly hold: boolean;
  /** Whether retained messages are commands. */
  readonly retained: boolean;
  /** The topic of the result, with {topic} for that of the command. Undefined: none. */
  readonly result: string | undefined;
}

/** What a source asks of its devices. */
export interface RequestSettings {
  readonly polls: readonly PollSettings[];
  readonly commands: readonly CommandSettings[];
}
