/**
 * Whether and when a client tries again, after an attempt failed or a connection ended: what the server said, how often it said so, and how
 * long connections last decide. Knows no servers and no sessions.
 */

import { type MqttError, RefusedError } from "../../errors.js";
import type { Random } from "../../platform/random.js";
import { isFinal, PERHAPS_FOR_NOW } from "./connack-refusals.js";
import { type ReconnectOptions, ReconnectPolicy, STABLE } from "./reconnect-policy.js";

/** A connection that ends within so many milliseconds after CONNACK is short. */
const SHORT = 5_000;
/**
 * So many in a row that the server closed, for no reason it named, look as if another client used the same identifier: before MQTT 5
 * nobody says so, and mosquitto 2.0 does not on 5 either.
 */
const TAKE_OVER_PATTERN = 2;
/** Short connections in a row, for whatever reason, that are reported for the first time, and after that at each multiple of … */
const FIRST_UNSTABLE = 3;
const NEXT_UNSTABLE = 10;
/** So many refusals in a row are answered without delay where the application gives credentials anew at each attempt. */
const MOST_REFUSALS = 3;

/** What the end of a connection that had been accepted is a sign of. */
export interface Signs {
  /** How many short connections in a row there were, if that is to be reported. */
  readonly unstable: number | undefined;
  /** How many in a row the server closed without a reason, if another client seems to use the identifier. */
  readonly rivalled: number | undefined;
}

export class RetryPolicy {
  readonly #options: ReconnectOptions;
  readonly #delays: ReconnectPolicy;
  /** Whether credentials are asked for at each attempt, so that the next may be others. */
  readonly #hasNewCredentials: boolean;
  #connectedAt: number | undefined;
  /** How long a connection must last for waits to be short again. */
  #stable = STABLE;
  #short = 0;
  #unexplained = 0;
  /** Refusals in a row, and when the first of them came. */
  #refusals = 0;
  #refusedSince = 0;

  constructor(options: ReconnectOptions, hasNewCredentials: boolean, random: Random) {
    this.#options = options;
    this.#hasNewCredentials = hasNewCredentials;
    this.#delays = new ReconnectPolicy(options, random);
  }

  /** How many attempts, or short connections, failed in a row. */
  get attempts(): number {
    return this.#delays.attempts;
  }

  connected(now: number): void {
    this.#connectedAt = now;
    this.#refusals = 0;
    this.#delays.connected(now);
  }

  /**
   * A connection that had been accepted is over.
   *
   * @param isExplained whether something is known that it may have ended for
   */
  ended(now: number, isExplained: boolean): Signs {
    const isShort = now - (this.#connectedAt ?? now) < SHORT;
    this.#short = isShort ? this.#short + 1 : 0;
    this.#unexplained = isShort && !isExplained ? this.#unexplained + 1 : 0;
    const short = this.#short;
    const isReported = short === FIRST_UNSTABLE || (short > 0 && short % NEXT_UNSTABLE === 0);
    return {
      unstable: isReported ? short : undefined,
      rivalled: this.#unexplained >= TAKE_OVER_PATTERN ? this.#unexplained : undefined,
    };
  }

  /**
   * Another client seems to use the same identifier, and each connection that lasts only does so until that client's wait is
   * over: waits grow until one lasts longer than any wait.
   */
  rival(): void {
    this.#stable = Math.max(STABLE, 2 * this.#options.maximumDelay);
  }

  /** The wait before the next attempt, after this error, in whole milliseconds; undefined if there is to be none. */
  after(error: MqttError, now: number): number | undefined {
    const isRefused = cannotHelp(error);
    if (!isRefused) this.#refusals = 0;
    else if (this.#refusals++ === 0) this.#refusedSince = now;
    if (isRefused && this.#isForEver(error, now)) return undefined;
    const connectedAt = this.#connectedAt;
    this.#connectedAt = undefined;
    if (connectedAt !== undefined && now - connectedAt >= this.#stable) this.#stable = STABLE;
    const slowly = isRefused && (!this.#hasNewCredentials || this.#refusals > MOST_REFUSALS);
    return this.#delays.next(now, slowly, this.#stable);
  }

  /** Whether trying again cannot help a client that was accepted once. */
  #isForEver(error: MqttError, now: number): boolean {
    if (!(error instanceof RefusedError) || error.code !== "CONNECT_REFUSED") return true;
    if (!PERHAPS_FOR_NOW.includes(error.reasonCode)) return true;
    return now - this.#refusedSince >= this.#options.maximumRefusal;
  }
}

/** Whether trying again cannot help a client that was never accepted. */
export function cannotHelp(error: MqttError): boolean {
  return isFinal(error) || error.code === "AUTHENTICATION_FAILED";
}
