/** What is asked of a device: a poll, which is repeated for ever, or a command, which is sent for a message. */

import type { Fields } from "../pipeline/outcome.js";

/** Whether a frame answers a request. Undefined: it has nothing to do with it. */
export type Match = "answer" | "refused" | undefined;

/** How an answer is recognized, and how long it is awaited. */
export interface AnswerRule {
  /** @param fields what the source's format finds in the frame; undefined if that fails */
  matches(frame: Uint8Array, fields: Fields | undefined): Match;
  /** Milliseconds. */
  readonly timeout: number;
  /** How often the request is sent again if no answer comes. */
  readonly retries: number;
}

export type FailureReason =
  /** No answer came, or the device answered something else. */
  | "timeout"
  /** The device answered that it will not do it. */
  | "refused"
  /** There was no wire to the device, or it was closed. */
  | "offline"
  /** The message does not fit the configuration. */
  | "encode"
  /** It waited too long for its turn. */
  | "expired"
  /** Too many commands wait for the device. */
  | "full";

export type RequestResult =
  | {
      readonly ok: true;
      /** Milliseconds from the first sending to the answer. */
      readonly ms: number;
      /** How often it was sent. */
      readonly sent: number;
      /** What the answer says. Undefined if it cannot be decoded, or if there is no answer. */
      readonly answer: Fields | undefined;
    }
  | { readonly ok: false; readonly reason: FailureReason; readonly sent: number };

export interface Command {
  readonly kind: "command";
  /** What is written to the device. */
  readonly bytes: Uint8Array;
  /** Undefined: it is done when it is written. */
  readonly answer: AnswerRule | undefined;
  /** When it must have been sent. */
  readonly expiresAt: number;
  /** Called once. */
  settle(result: RequestResult): void;
}

export interface Poll {
  readonly kind: "poll";
  readonly bytes: Uint8Array;
  readonly answer: AnswerRule;
  /** Milliseconds between two polls. */
  readonly every: number;
  /** The part of `every` by which a poll may be early or late, at random; at most 0.5. */
  readonly jitter: number;
  /** Called after each poll. */
  settle(result: RequestResult): void;
}

export type Request = Command | Poll;
