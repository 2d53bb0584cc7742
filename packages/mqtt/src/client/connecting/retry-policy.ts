/**
 * Whether and when a client retries after an attempt failed or a connection ended. It depends on what the server
 * answered, how often, and how long connections last. Knows nothing of servers and sessions.
 */

import { type MqttError, RefusedError } from "../../errors.js";
import type { Random } from "../../platform/random.js";
import { isFinal, PERHAPS_FOR_NOW } from "./connack-refusals.js";
import { type ReconnectOptions, ReconnectPolicy, STABLE } from "./reconnect-policy.js";

/** A connection is short if it ends within this many milliseconds after CONNACK. */
const SHORT = 5_000;
/**
 * After this many short connections in a row that the server closed without a reason, another client may be using the
 * identifier. Servers do not report that before MQTT 5; mosquitto 2.0 does not on MQTT 5 either.
 */
const TAKE_OVER_PATTERN = 2;
/**
 * How many short connections in a row, for any reason, are reported first; after that, every multiple of
 * `NEXT_UNSTABLE` is reported.
 */
const FIRST_UNSTABLE = 3;
const NEXT_UNSTABLE = 10;
/**
 * If the application returns new credentials at each attempt, this many refusals in a row are retried without the long
 * delay.
 */
const MOST_REFUSALS = 3;

/** What the end of an accepted connection indicates. */
export interface Signs {
  /** The number of short connections in a row, if the client must report it. */
  readonly unstable: number | undefined;
  /**
   * How many connections in a row the server closed without a reason, if another client seems to use the identifier.
   */
  readonly rivalled: number | undefined;
}

export class RetryPolicy {
  readonly #options: ReconnectOptions;
  readonly #delays: ReconnectPolicy;
  /** Whether the credentials are requested at each attempt, and so may change. */
  readonly #hasNewCredentials: boolean;
  #connectedAt: number | undefined;
  /** How long a connection must last for the delays to be short again. */
  #stable = STABLE;
  #short = 0;
  #unexplained = 0;
  /** The number of refusals in a row, and when the first one arrived. */
  #refusals = 0;
  #refusedSince = 0;

  constructor(options: ReconnectOptions, hasNewCredentials: boolean, random: Random) {
    this.#options = options;
    this.#hasNewCredentials = hasNewCredentials;
    this.#delays = new ReconnectPolicy(options, random);
  }

  /** How many attempts or short connections failed in a row. */
  get attempts(): number {
    return this.#delays.attempts;
  }

  connected(now: number): void {
    this.#connectedAt = now;
    this.#refusals = 0;
    this.#delays.connected(now);
  }

  /**
   * Called when an accepted connection has ended.
   *
   * @param isExplained whether a possible reason is known
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
   * Another client seems to use the same identifier. Each connection then lasts only until the other client reconnects.
   * So the delays grow until a connection lasts longer than any delay.
   */
  rival(): void {
    this.#stable = Math.max(STABLE, 2 * this.#options.maximumDelay);
  }

  /**
   * Returns the delay before the next attempt after this error, in whole milliseconds; undefined: no further attempt.
   */
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

  /** Returns whether a retry cannot help a client that was accepted before. */
  #isForEver(error: MqttError, now: number): boolean {
    if (!(error instanceof RefusedError) || error.code !== "CONNECT_REFUSED") return true;
    if (!PERHAPS_FOR_NOW.includes(error.reasonCode)) return true;
    return now - this.#refusedSince >= this.#options.maximumRefusal;
  }
}

/** Returns whether a retry cannot help a client that was never accepted. */
export function cannotHelp(error: MqttError): boolean {
  return isFinal(error) || error.code === "AUTHENTICATION_FAILED";
}
