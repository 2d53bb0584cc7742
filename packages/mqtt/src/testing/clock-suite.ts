/** The requirements for every Clock, on any runtime: one suite of cases for all implementations and any test runner. */

import type { Clock } from "../platform/clock.js";
import { check, type SuiteCase } from "./suite.js";

/** What `clockSuite` checks. */
export interface ClockHarness {
  /** The clock to check. */
  readonly clock: Clock;
  /**
   * Returns the system's time, if the clock must count from the Unix epoch. The clock may differ from it by a minute.
   */
  systemTime?(): number;
}

/** By how many milliseconds a timer may be early. */
const EARLY = 1;
const MINUTE = 60_000;
/** How many turns of the promise queue a clock with `soon` waits before it runs deferred callbacks. */
const PROMISE_TURNS = 20;

/**
 * Returns the cases that every Clock must pass, for any test runner. They run in real time.
 *
 * @example for (const { name, run } of clockSuite({ clock: platform.clock })) test(name, run);
 */
export function clockSuite({ clock, systemTime }: ClockHarness): SuiteCase[] {
  const passing = (delay: number) => new Promise<void>((resolve) => clock.schedule(delay, resolve));
  const deferred = () => new Promise<void>((resolve) => clock.defer(resolve));

  const cases: SuiteCase[] = [
    {
      name: "never steps back, and goes on",
      async run() {
        const began = clock.now();
        check(Number.isFinite(began), "the time is a finite number");
        for (let i = 0, last = began; i < 1_000; i++) {
          const now = clock.now();
          check(now >= last, `${now} is not before ${last}`);
          last = now;
        }
        await passing(5);
        check(clock.now() > began, "time passes while a timer runs");
      },
    },
    {
      name: "calls a timer once, at most a millisecond early",
      async run() {
        for (const delay of [1, 2.99, 10, 20]) {
          let calls = 0;
          const began = clock.now();
          await new Promise<void>((resolve) => {
            clock.schedule(delay, () => {
              calls++;
              resolve();
            });
            check(calls === 0, "nothing is called before `schedule` returns");
          });
          const passed = clock.now() - began;
          check(passed >= delay - EARLY, `${delay} ms are over; ${passed} ms are`);
          await passing(5);
          check(calls === 1, "a timer is called once");
        }
      },
    },
    {
      name: "calls a timer of no or a negative delay, and not before it returns",
      async run() {
        for (const delay of [0, -0, -1, -1e12, -Infinity]) {
          let isCalled = false;
          const called = new Promise<void>((resolve) => {
            clock.schedule(delay, () => {
              isCalled = true;
              resolve();
            });
          });
          check(!isCalled, "nothing is called before `schedule` returns");
          await called;
        }
      },
    },
    {
      name: "does not call a timer of a delay that is longer than the runtime's timers take",
      async run() {
        let calls = 0;
        const timers = [2 ** 31, 2 ** 32 + 1, 1e13, Infinity].map((delay) => clock.schedule(delay, () => calls++));
        await passing(10);
        for (const timer of timers) timer.cancel();
        check(calls === 0, "no such timer is called");
      },
    },
    {
      name: "does not call a cancelled timer; cancelling again, or one that ran, does nothing",
      async run() {
        let calls = 0;
        const cancelled = clock.schedule(2, () => calls++);
        const ran = clock.schedule(2, () => {});
        cancelled.cancel();
        cancelled.cancel();
        await passing(10);
        ran.cancel();
        await passing(2);
        check(calls === 0, "no cancelled timer is called");
      },
    },
    {
      name: "calls what is deferred once, in order, and not before it returns",
      async run() {
        const order: number[] = [];
        for (let i = 0; i < 5; i++) clock.defer(() => order.push(i));
        clock.defer(() => {
          clock.defer(() => order.push(6));
          order.push(5);
        });
        check(order.length === 0, "nothing is called before `defer` returns");
        while (order.length < 7) await deferred();
        await passing(5);
        check(order.join() === "0,1,2,3,4,5,6", `the order is 0 to 6; it is ${order.join()}`);
      },
    },
  ];
  if (clock.soon !== undefined) {
    cases.push({
      name: "calls what is to run soon among the promises, and what is deferred after them",
      async run() {
        const order: string[] = [];
        clock.defer(() => order.push("deferred"));
        clock.soon?.(() => order.push("soon 1"));
        clock.soon?.(() => order.push("soon 2"));
        check(order.length === 0, "nothing is called before `soon` returns");
        for (let i = 0; i < PROMISE_TURNS; i++) await undefined;
        order.push("promises");
        await deferred();
        const is = order.join(", ");
        check(is === "soon 1, soon 2, promises, deferred", `the order is of that kind; it is ${is}`);
      },
    });
  }
  if (systemTime !== undefined) {
    cases.push({
      name: "counts from the Unix epoch",
      async run() {
        check(Math.abs(clock.now() - systemTime()) < MINUTE, `${clock.now()} is about ${systemTime()}`);
      },
    });
  }
  return cases;
}
