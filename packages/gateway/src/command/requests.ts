/**
 * The requests of one wire: which is sent when, which frame answers it, and what becomes of it. One request is under way at a time. Commands
 * precede polls, but a poll waits at most twice its interval. Pure: time is an argument, in milliseconds of a clock that never goes back.
 */

import type { Fields } from "../pipeline/outcome.js";
import type { Command, FailureReason, Poll, Request, RequestResult } from "./request.js";

interface Due {
  readonly poll: Poll;
  at: number;
}

/** What the wire is doing. */
type State =
  | { readonly at: "idle" }
  /** A request was sent, and its answer is awaited. */
  | {
      readonly at: "waiting";
      readonly request: Request;
      readonly began: number;
      readonly tries: number;
      readonly until: number;
    }
  /** The device has just sent something: a line of which only one side may send at a time must rest. */
  | { readonly at: "resting"; readonly until: number }
  /** Answers may still come to a request that is over, as many as `left`: they do not belong to the next one. */
  | { readonly at: "quiet"; readonly request: Request; readonly until: number; readonly left: number };

/** What a frame is to the requests. */
export type Taken =
  /** It answers this request. */
  | { readonly request: Request }
  /** It answers a request that has failed already. */
  | "late"
  /** It has nothing to do with them. */
  | undefined;

const IDLE: State = { at: "idle" };

export class Requests {
  private state: State = IDLE;
  private readonly polls: readonly Due[];
  private commands: Command[] = [];
  /** Whether the last request was a poll. */
  private wasPoll = false;
  /** What was returned by `next` and awaits no answer. */
  private unanswered: Request | undefined;

  /**
   * @param most the commands that may wait
   * @param rest milliseconds after an answer in which nothing may be sent
   * @param random returns a number from 0 up to 1
   * @param now when the wire was opened: all polls are due
   */
  constructor(
    polls: readonly Poll[],
    private readonly most: number,
    private readonly rest: number,
    private readonly random: () => number,
    now: number,
  ) {
    this.polls = polls.map((poll) => ({ poll, at: now }));
  }

  /** Adds a command. It is settled at once if there are too many. */
  add(command: Command): void {
    if (this.commands.length >= this.most) command.settle(failed("full"));
    else this.commands.push(command);
  }

  /**
   * Returns what must be written now. Call it after each other call, until it returns undefined. Call `wrote` after each that it returns.
   */
  next(now: number): Uint8Array | undefined {
    this.expire(now);
    if (this.state.at !== "idle") return undefined;
    const request = this.choose(now);
    if (request === undefined) return undefined;
    this.wasPoll = request.kind === "poll";
    if (request.answer === undefined) {
      this.unanswered = request;
      return request.bytes;
    }
    this.state = { at: "waiting", request, began: now, tries: 1, until: now + request.answer.timeout };
    return request.bytes;
  }

  /** What `next` or `advance` returned was written, or could not be. */
  wrote(isWritten: boolean): void {
    const { state, unanswered } = this;
    this.unanswered = undefined;
    if (unanswered !== undefined) {
      unanswered.settle(isWritten ? { ok: true, ms: 0, sent: 1, answer: undefined } : failed("offline"));
    } else if (!isWritten && state.at === "waiting") {
      this.state = IDLE;
      state.request.settle(failed("offline", state.tries));
    }
  }

  /** Whether the answer to a request is awaited. */
  get isAwaiting(): boolean {
    return this.state.at === "waiting";
  }

  /** Reading was stopped, and is resumed: an answer may have waited. */
  resumed(now: number): void {
    const { state } = this;
    if (state.at !== "waiting") return;
    this.state = { ...state, until: now + (state.request.answer?.timeout ?? 0) };
  }

  /** A frame came. @param fieldsOf returns what the frame says as an answer to a request */
  take(frame: Uint8Array, fieldsOf: (request: Request) => Fields | undefined, now: number): Taken {
    const { state } = this;
    if (state.at === "idle" || state.at === "resting") return undefined;
    const { request } = state;
    const fields = fieldsOf(request);
    const match = request.answer?.matches(frame, fields);
    if (match === undefined) return undefined;
    // Each time that the request was sent may bring an answer.
    const left = state.at === "quiet" ? state.left - 1 : state.tries - 1;
    if (left > 0) {
      const until = state.at === "quiet" ? state.until : now + (request.answer?.timeout ?? 0);
      this.state = { at: "quiet", request, until, left };
    } else {
      this.state = this.rest > 0 ? { at: "resting", until: now + this.rest } : IDLE;
    }
    if (state.at === "quiet") return "late";
    const sent = state.tries;
    const ms = now - state.began;
    request.settle(match === "answer" ? { ok: true, ms, sent, answer: fields } : failed("refused", sent));
    return { request };
  }

  /** When the first command expires that waits; Infinity if none does. */
  expiry(): number {
    let first = Infinity;
    for (const { expiresAt } of this.commands) first = Math.min(first, expiresAt);
    return first;
  }

  /** When `advance` must be called; Infinity if never. */
  deadline(): number {
    let first = this.expiry();
    if (this.state.at !== "idle") return Math.min(first, this.state.until);
    for (const { at } of this.polls) first = Math.min(first, at);
    return first;
  }

  /** Returns what must be written again. */
  advance(now: number): Uint8Array | undefined {
    const { state } = this;
    if (state.at === "idle" || now < state.until) return undefined;
    if (state.at !== "waiting") {
      this.state = IDLE;
      return undefined;
    }
    const { request, tries } = state;
    const { timeout, retries } = request.answer as NonNullable<Request["answer"]>;
    if (tries <= retries) {
      this.state = { ...state, tries: tries + 1, until: now + timeout };
      return request.bytes;
    }
    this.state = { at: "quiet", request, until: now + timeout, left: tries };
    request.settle(failed("timeout", tries));
    return undefined;
  }

  /** The wire is closed: what waits is not sent any more. */
  close(): void {
    const { state } = this;
    this.state = IDLE;
    if (state.at === "waiting") state.request.settle(failed("offline", state.tries));
    for (const command of this.commands.splice(0)) command.settle(failed("offline"));
  }

  /** Commands that wait for their turn. */
  get waiting(): number {
    return this.commands.length;
  }

  private choose(now: number): Request | undefined {
    let due: Due | undefined;
    for (const each of this.polls) if (each.at <= now && (due === undefined || each.at < due.at)) due = each;
    const isStarving = due !== undefined && now - due.at >= due.poll.every;
    // Polls that are never answered would starve the commands, otherwise.
    if (!isStarving || this.wasPoll) {
      const command = this.commands.shift();
      if (command !== undefined) return command;
    }
    if (due === undefined) return undefined;
    const { every, jitter } = due.poll;
    // Polls that were missed are not made up for: a device that was away would be asked many times in a row.
    const next = due.at + every < now + every / 2 ? now + every : due.at + every;
    due.at = next + every * jitter * (2 * this.random() - 1);
    return due.poll;
  }

  /** Settles the commands that have waited too long. */
  expire(now: number): void {
    if (!this.commands.some(({ expiresAt }) => expiresAt <= now)) return;
    const { commands } = this;
    this.commands = commands.filter(({ expiresAt }) => expiresAt > now);
    for (const command of commands) if (command.expiresAt <= now) command.settle(failed("expired"));
  }
}

function failed(reason: FailureReason, sent = 0): RequestResult {
  return { ok: false, reason, sent };
}
