/**
 * `sub --exec`: one command for each message, repeated with back-off until it succeeds. Decides which messages may be
 * acknowledged. Knows neither processes nor the network.
 */

import type { AbortSignalLike, Clock, Random } from "@aiko/mqtt";
import { CommandError } from "../command.js";

export interface ExecutionSettings {
  /** How many commands may run at the same time, from 1. */
  readonly concurrency: number;
  /** The most attempts for a message, from 1. */
  readonly attempts: number;
  /** Milliseconds before the second attempt. Doubles after each failure, up to `LONGEST_DELAY`. */
  readonly delay: number;
  /** Whether a message is acknowledged after its last attempt. Otherwise the command ends, and the message is kept. */
  readonly skips: boolean;
}

/** Why an attempt failed. */
export interface Failure {
  readonly problem: string;
  /** Whether no other attempt can succeed. */
  readonly isFinal: boolean;
}

/** Runs the command once. Resolves to undefined if it has succeeded. `abandoned` fires when the result is no longer needed. */
export type Attempt<Item> = (item: Item, number: number, abandoned: AbortSignalLike) => Promise<Failure | undefined>;

/** The exit code if a message failed too often, as in sysexits.h: try again later. */
export const EX_TEMPFAIL = 75;
/** In milliseconds. */
export const LONGEST_DELAY = 60_000;
/** Milliseconds that running commands have when `sub` ends. Container runtimes kill after 10 s. */
export const PATIENCE = 9_000;

/** A promise that never settles: its message is not acknowledged, so the server keeps it. */
const KEPT = new Promise<never>(() => undefined);

export class Execution<Item> {
  private isEnding = false;
  private ended: Promise<void> | undefined;
  private readonly waiting: (() => void)[] = [];
  /** One for each running command: a signal is not made for many listeners. */
  private readonly abandoning = new Set<AbortController>();
  private idle: () => void = () => undefined;
  private fail: (error: CommandError) => void = () => undefined;
  /** Rejects if a message failed too often, and it is not skipped. Never resolves. */
  readonly failed = new Promise<never>((_, reject) => {
    this.fail = reject;
  });

  constructor(
    private readonly settings: ExecutionSettings,
    private readonly attempt: Attempt<Item>,
    private readonly runtime: { readonly clock: Clock; readonly random: Random },
    private readonly note: (line: string) => void,
  ) {
    this.failed.catch(() => undefined); // nobody may wait for it yet
  }

  /**
   * Resolves when the command has succeeded, and the message can be acknowledged. Rejects if the message is skipped.
   * Never settles if the message must be kept.
   */
  async handle(item: Item, name: string): Promise<void> {
    const { attempts, skips } = this.settings;
    for (let number = 1; !this.isEnding; number++) {
      const failure = await this.once(item, number);
      if (failure === undefined) return undefined;
      const { problem, isFinal } = failure;
      if (this.isEnding) break;
      if (!isFinal && number < attempts) {
        const delay = this.delayAfter(number);
        this.note(`${name}: ${problem}; attempt ${number + 1} of ${attempts} in ${(delay / 1_000).toFixed(1)} s`);
        await new Promise<void>((resolve) => this.runtime.clock.schedule(delay, resolve));
        continue;
      }
      const end = isFinal ? problem : `${problem}, ${number} times`;
      if (skips) {
        this.note(`${name}: ${end}; the message is skipped`);
        throw new Error(`the message was skipped: ${problem}`);
      }
      this.isEnding = true;
      this.fail(new CommandError(`${name}: ${end}; the message is not acknowledged`, EX_TEMPFAIL));
    }
    return KEPT;
  }

  /**
   * Starts no more commands, and waits for those that run. After `PATIENCE` it abandons them. Then the messages of
   * those that succeeded have been acknowledged.
   */
  end(): Promise<void> {
    this.ended ??= this.finish();
    return this.ended;
  }

  private async finish(): Promise<void> {
    const { clock } = this.runtime;
    this.isEnding = true;
    if (this.abandoning.size > 0) {
      await new Promise<void>((resolve) => {
        this.idle = resolve;
        clock.schedule(PATIENCE, resolve);
      });
    }
    await new Promise<void>((resolve) => clock.schedule(0, resolve)); // lets the acknowledgements be written
    for (const running of this.abandoning) running.abort();
  }

  private async once(item: Item, number: number): Promise<Failure | undefined> {
    while (this.abandoning.size >= this.settings.concurrency)
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    if (this.isEnding) return KEPT;
    const running = new AbortController();
    this.abandoning.add(running);
    try {
      return await this.attempt(item, number, running.signal);
    } finally {
      this.abandoning.delete(running);
      this.waiting.shift()?.();
      if (this.abandoning.size === 0) this.idle();
    }
  }

  /** With jitter, so that many messages that failed together are not repeated together. */
  private delayAfter(number: number): number {
    const delay = Math.min(LONGEST_DELAY, this.settings.delay * 2 ** (number - 1));
    return delay * (0.5 + 0.5 * this.runtime.random.next());
  }
}
