/**
 * How long to wait before the next attempt: exponential back-off with full jitter, so that clients do not retry in
 * lockstep.
 */

import type { Random } from "../../platform/random.js";

/** How long the client waits between attempts, and how often it tries. The delays grow exponentially, with jitter. */
export interface ReconnectDelays {
  /** The upper bound of the first delay in milliseconds, 1 … 2,147,483,647. Default 1,000. */
  readonly initialDelay: number;
  /** The upper bound of every delay in milliseconds, 1 … 2,147,483,647. Default 60,000. */
  readonly maximumDelay: number;
  /** The number of attempts that may fail in a row before the client stops, from 1. Default Infinity. */
  readonly maximumAttempts: number;
}

/** Options of `reconnect`. */
export interface ReconnectOptions extends ReconnectDelays {
  /**
   * Milliseconds, from 0, for which the client keeps trying if a server that accepted it before refuses its identifier
   * or credentials. The cause may be a fault of the server's authentication. The client waits about `maximumDelay`
   * between attempts, and keeps messages and subscriptions. Then it is closed. Default 86,400,000, a day.
   */
  readonly maximumRefusal: number;
}

/** How long a connection must last, in milliseconds, so that the delays start again from `initialDelay`. */
export const STABLE = 5_000;
/** The least part of its upper bound that a delay takes, so that an unstable link never causes a busy loop. */
const FLOOR = 0.1;

export class ReconnectPolicy {
  readonly #delays: ReconnectDelays;
  readonly #random: Random;
  #failures = 0;
  #connectedAt: number | undefined;

  constructor(delays: ReconnectDelays, random: Random) {
    this.#delays = delays;
    this.#random = random;
  }

  /** How many attempts or short connections failed in a row. */
  get attempts(): number {
    return this.#failures;
  }

  connected(now: number): void {
    this.#connectedAt = now;
  }

  /**
   * Called when an attempt failed or a connection ended. Returns the delay before the next attempt in whole
   * milliseconds; undefined: no further attempt.
   *
   * @param slowly whether to wait as long as after many failures
   * @param stable how long the connection must have lasted for the delays to be short again
   */
  next(now: number, slowly = false, stable = STABLE): number | undefined {
    if (this.#connectedAt !== undefined && now - this.#connectedAt >= stable) this.#failures = 0;
    this.#connectedAt = undefined;
    const { initialDelay, maximumDelay, maximumAttempts } = this.#delays;
    if (this.#failures >= maximumAttempts) return undefined;
    const bound = slowly ? maximumDelay : Math.min(maximumDelay, initialDelay * 2 ** Math.min(this.#failures, 30));
    this.#failures++;
    return Math.ceil(bound * (FLOOR + (1 - FLOOR) * this.#random.next()));
  }
}
