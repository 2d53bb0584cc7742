/**
 * A clock whose time stands still until a test advances it. Owns the timers and the callbacks that are deferred to the
 * end of a tick. Runs them in order of time; at the same time, in order of creation. Uses no timer of any platform. Its
 * kind decides what the contract of Clock leaves to the platform.
 */

import type { Clock, Timer } from "../platform/clock.js";
import { Queue } from "../session/queue.js";

interface Alarm extends Timer {
  readonly at: number;
  readonly order: number;
  callback: (() => void) | undefined;
}

/** What the contract of Clock leaves to the platform. */
export interface ClockKind {
  /**
   * When deferred callbacks run. `batch`: all of them after the promises. `turns`: each after the promises, also after those that the
   * one before it settled. `microtask`: among the promises. Default `batch`.
   */
  readonly defer?: "batch" | "turns" | "microtask" | undefined;
  /** Whether the clock has `soon`. Default false. */
  readonly soon?: boolean | undefined;
}

/** The kinds of clock that the library's platforms have. */
export const CLOCK_KINDS = {
  browser: {},
  /** Also Bun and Deno. */
  node: { defer: "turns", soon: true },
  quickjs: { defer: "turns" },
  /** The small client's, and the whole client's on an unknown runtime. */
  small: { defer: "microtask" },
} as const satisfies Record<string, ClockKind>;

/** After this many turns of the promise queue, all promises count as settled: no chain of awaits is that long. */
const PROMISE_TURNS = 40;
/** This many ticks without time passing are an endless loop in the tested code. */
const ENDLESS = 100_000;
/** The milliseconds that `until` may let pass by default. */
const HOUR = 3_600_000;

/**
 * A clock for tests: time stands still until the test advances it. Pass one clock to a client, a broker and the link
 * between them.
 *
 * @example
 * const clock = new FakeClock();
 * await using broker = await Broker.listen({ listeners: [], clock });
 * const link = new FaultyLink(clock, broker);
 * const client = createClient("mqtt://broker", { platform: link.platform });
 * await clock.until(client.connect());
 * await clock.advance(60_000); // a minute passes, and both have done all that falls into it
 * await clock.until(client.disconnect());
 */
export class FakeClock implements Clock {
  /** A binary heap, ordered by `at`, then `order`. Cancelled alarms stay until they are due. */
  private readonly alarms: Alarm[] = [];
  /** Callbacks that run after the promises. */
  private readonly deferred = new Queue<() => void>();
  /** Callbacks that run among the promises. For each, one turn of the promise queue is pending. */
  private readonly hurried = new Queue<() => void>();
  private made = 0;
  /** How many calls of `tick` are running. */
  private ticking = 0;
  /** Counts the timers that ran, and the starts and ends of ticks. `until` compares it. */
  private movements = 0;
  private readonly deferral: "batch" | "turns" | "microtask";
  readonly soon?: (callback: () => void) => void;

  /**
   * @param time milliseconds since the Unix epoch; the default is the beginning of 2026
   * @param kind default: a browser's
   */
  constructor(
    private time = 1_767_225_600_000,
    { defer = "batch", soon = false }: ClockKind = {},
  ) {
    this.deferral = defer;
    if (soon) this.soon = (callback) => this.hurry(callback);
  }

  now(): number {
    return this.time;
  }

  schedule(delay: number, callback: () => void): Timer {
    const alarm: Alarm = {
      at: this.time + Math.max(0, delay),
      order: this.made++,
      callback,
      cancel() {
        alarm.callback = undefined;
      },
    };
    this.insert(alarm);
    return alarm;
  }

  defer(callback: () => void): void {
    if (this.deferral === "microtask") this.hurry(callback);
    else this.deferred.push(callback);
  }

  /** Returns the time of the next timer, or Infinity if no timer is set. */
  get nextTimer(): number {
    while (this.alarms[0] !== undefined && this.alarms[0].callback === undefined) this.removeFirst();
    return this.alarms[0]?.at ?? Infinity;
  }

  /** Runs deferred callbacks, and those that they defer. Promises do not settle, and time does not pass. */
  settle(): void {
    for (let turn = 0; this.hurried.length + this.deferred.length > 0; turn++) {
      if (turn === ENDLESS) throw this.endless();
      if (this.hurried.length > 0) {
        for (const callback of this.hurried.drain()) callback();
      } else {
        this.runDeferred();
      }
    }
  }

  /** Lets promises settle and runs deferred callbacks, until nothing is left to do without time passing. */
  async tick(): Promise<void> {
    this.ticking++;
    this.movements++;
    try {
      await this.drain();
    } finally {
      this.ticking--;
      this.movements++;
    }
  }

  /**
   * Lets time pass until `promise` settles, and returns its result. Advances from timer to timer, and no further than
   * needed. If the promise can settle now, no time passes. Afterwards nothing is left to do without time passing, as
   * after `tick`.
   *
   * The promise must depend on this clock only. Do not use this method for promises that depend on a real socket, file
   * or timer.
   *
   * @param options `limit`: milliseconds that may pass on this clock, from 0. Default 3,600,000; Infinity means no
   * limit
   * @throws the reason that the promise rejects with; Error if the promise does not settle within `limit`, or if no
   * timer is left that could settle it
   * @example
   * await clock.until(client.connect());
   * await clock.until(client.publish("meter/1", "1042", { qos: 1 }), { limit: 5_000 });
   */
  async until<Result>(
    promise: PromiseLike<Result>,
    { limit = HOUR }: { readonly limit?: number } = {},
  ): Promise<Result> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    const began = this.time;
    for (let turn = 0; ; turn++) {
      if (turn === ENDLESS) throw this.endless();
      const { time, movements } = this;
      await this.drain();
      if (isSettled) return promise;
      // If the code under test ticks this clock too, it is not finished while something moves.
      if (this.ticking > 0 || this.movements !== movements) continue;
      if (this.nextTimer === Infinity) {
        throw new Error("the promise cannot settle: no timer is set on this clock, and real I/O does not count");
      }
      if (!this.runNext(began + limit)) throw new Error(`the promise did not settle within limit ${limit} ms`);
      if (this.time > time) turn = 0;
    }
  }

  /** Lets `milliseconds` pass. Every timer that is due runs at its time, with a full `tick` before and after it. */
  async advance(milliseconds: number): Promise<void> {
    const target = this.time + milliseconds;
    await this.tick();
    while (this.runNext(target)) await this.tick();
    this.time = Math.max(this.time, target); // the clock may have been advanced meanwhile
  }

  /**
   * Lets `milliseconds` pass as on a machine that sleeps: every timer that is due in that time runs afterwards, late.
   */
  async sleep(milliseconds: number): Promise<void> {
    await this.tick();
    this.time += milliseconds;
    await this.advance(0);
  }

  /** Lets `milliseconds` pass synchronously, for code without promises. */
  run(milliseconds: number): void {
    const target = this.time + milliseconds;
    this.settle();
    while (this.runNext(target)) this.settle();
    this.time = Math.max(this.time, target);
  }

  private async drain(): Promise<void> {
    for (let turn = 0; ; turn++) {
      if (turn === ENDLESS) throw this.endless();
      await promises();
      if (this.hurried.length > 0) continue;
      if (this.deferred.length === 0) return;
      if (this.deferral === "turns") await this.runTurns();
      else this.runDeferred();
    }
  }

  private hurry(callback: () => void): void {
    this.hurried.push(callback);
    Promise.resolve().then(() => this.runHurried());
  }

  /** Runs the oldest callback; nothing, if `settle` has run it meanwhile. */
  private runHurried(): void {
    if (this.hurried.length > 0) this.hurried.shift()?.();
  }

  private runDeferred(): void {
    for (const callback of this.deferred.drain()) callback();
  }

  /** The same, with one turn for each callback. */
  private async runTurns(): Promise<void> {
    for (let left = this.deferred.length; left > 0; left--) {
      this.deferred.shift()?.();
      await promises();
    }
  }

  /** Clears the callbacks, too: as microtasks they would continue forever. */
  private endless(): Error {
    this.hurried.drain();
    this.deferred.drain();
    return new Error(`the code under test defers without end: ${ENDLESS} ticks at one time`);
  }

  private runNext(target: number): boolean {
    if (this.nextTimer > target) return false;
    const alarm = this.removeFirst();
    this.movements++;
    this.time = Math.max(this.time, alarm.at);
    const { callback } = alarm;
    alarm.callback = undefined;
    callback?.();
    return true;
  }

  private insert(alarm: Alarm): void {
    const { alarms } = this;
    let at = alarms.length;
    alarms.push(alarm);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = alarms[above] as Alarm;
      if (isBefore(parent, alarm)) break;
      alarms[at] = parent;
      at = above;
    }
    alarms[at] = alarm;
  }

  private removeFirst(): Alarm {
    const { alarms } = this;
    const first = alarms[0] as Alarm;
    const last = alarms.pop() as Alarm;
    if (alarms.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      const right = alarms[below + 1];
      if (right !== undefined && isBefore(right, alarms[below] as Alarm)) below++;
      const child = alarms[below];
      if (child === undefined || isBefore(last, child)) break;
      alarms[at] = child;
      at = below;
    }
    alarms[at] = last;
    return first;
  }
}

async function promises(): Promise<void> {
  for (let i = 0; i < PROMISE_TURNS; i++) await undefined;
}

function isBefore(one: Alarm, other: Alarm): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
