/**
 * Time that stands still until a test moves it. Owns the timers and the callbacks deferred to the end of a tick; runs
 * them in the order of their time, and of their making where that is equal. Needs no timer of any platform.
 */

import type { Clock, Timer } from "../platform/clock.js";

interface Alarm extends Timer {
  readonly at: number;
  readonly order: number;
  callback: (() => void) | undefined;
}

/** How many turns of the promise queue count as "all promises have settled": more than any chain of awaits is long. */
const PROMISE_TURNS = 40;
/** So many ticks without time passing are a loop in what is tested. */
const ENDLESS = 100_000;

export class FakeClock implements Clock {
  /** A binary heap by `at`, then `order`. Cancelled ones stay until they come up. */
  private readonly alarms: Alarm[] = [];
  private deferred: (() => void)[] = [];
  private made = 0;

  /** @param time milliseconds since the Unix epoch; the default is the beginning of 2026 */
  constructor(private time = 1_767_225_600_000) {}

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
    this.deferred.push(callback);
  }

  /** When the next timer is due; Infinity if there is none. */
  get nextTimer(): number {
    while (this.alarms[0] !== undefined && this.alarms[0].callback === undefined) this.removeFirst();
    return this.alarms[0]?.at ?? Infinity;
  }

  /** Runs what was deferred, and what that defers, now. Promises do not get a turn, time does not pass. */
  settle(): void {
    for (let turn = 0; this.deferred.length > 0; turn++) {
      if (turn === ENDLESS) throw new Error(`the code under test defers without end: ${ENDLESS} ticks at one time`);
      const callbacks = this.deferred;
      this.deferred = [];
      for (const callback of callbacks) callback();
    }
  }

  /** Lets promises settle and runs what was deferred, until nothing is left to do without time passing. */
  async tick(): Promise<void> {
    for (let turn = 0; ; turn++) {
      if (turn === ENDLESS) throw new Error(`the code under test defers without end: ${ENDLESS} ticks at one time`);
      for (let i = 0; i < PROMISE_TURNS; i++) await undefined;
      if (this.deferred.length === 0) return;
      const callbacks = this.deferred;
      this.deferred = [];
      for (const callback of callbacks) callback();
    }
  }

  /** Lets `milliseconds` pass: every timer that falls due runs at its time, with a whole `tick` before and after. */
  async advance(milliseconds: number): Promise<void> {
    const target = this.time + milliseconds;
    await this.tick();
    while (this.runNext(target)) await this.tick();
    this.time = Math.max(this.time, target); // somebody else may have advanced it meanwhile
  }

  /** Lets `milliseconds` pass as on a machine that sleeps: every timer that falls due meanwhile runs afterwards, late. */
  async sleep(milliseconds: number): Promise<void> {
    await this.tick();
    this.time += milliseconds;
    await this.advance(0);
  }

  /** As `advance`, for code without promises: all at once. */
  run(milliseconds: number): void {
    const target = this.time + milliseconds;
    this.settle();
    while (this.runNext(target)) this.settle();
    this.time = Math.max(this.time, target);
  }

  private runNext(target: number): boolean {
    if (this.nextTimer > target) return false;
    const alarm = this.removeFirst();
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

function isBefore(one: Alarm, other: Alarm): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
